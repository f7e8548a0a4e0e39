# SPDX-License-Identifier: Apache-2.0
# Root folders of other distributions, made by mmdebstrap; sourced by scripts that run as root.

# Prints the archive of this machine whose address ends with /NAME, "debian" unless given.
archive() {
  cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null |
    awk '/^deb / { for (i = 2; i <= NF; ++i) if ($i ~ /^[a-z+]+:\/\//) { print $i; break } }
         /^URIs:/ { print $2 }' | grep -E "/${1:-debian}/?\$" | head -1
}

# in_root ROOT COMMAND...: runs the command in it with /proc, /sys and /dev, which are gone when it has ended.
in_root() {
  unshare --mount --pid --fork --kill-child sh -c '
    root=$1 && shift
    mount -t proc proc "$root/proc" && mount --rbind /sys "$root/sys" && mount --rbind /dev "$root/dev" &&
      mount -t tmpfs -o mode=1777 tmpfs "$root/tmp" && mount -t tmpfs -o mode=755 tmpfs "$root/run" && exec chroot "$root" "$@"' sh "$@"
}

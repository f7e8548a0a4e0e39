#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""attack_test.py HNI [sanitized | CASE...]: hostile clients, slow readers, full disks and signals against a real `hni device` process."""
import errno, fcntl, json, os, pathlib, signal, socket, stat, struct, subprocess, sys, tempfile, time

HNI = os.path.abspath(sys.argv[1])
VERSION, GET_INFO, REPLY, ERROR = 1, 4, 1, 0x20
failures = []
devices = []


def check(what, good, detail=''):
    if not good:
        failures.append(what)
        print(f'failed: {what} {detail}')


def until(condition, seconds=60):
    """Waits until the condition holds; fails if the card hangs."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return False


class Client:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.connect(path)  # blocks while the backlog is full
        self.socket.settimeout(60)

    def ask(self, command, payload):
        """Returns the errno value of the reply, or -1 if the connection was closed."""
        self.socket.sendall(struct.pack('<HHIII', 7, command, 16 + len(payload), 0, 0) + payload)
        return self.answer()

    def answer(self):
        try:
            header = self.socket.recv(16, socket.MSG_WAITALL)
            if len(header) < 16:
                return -1
            _, _, size, flags, error = struct.unpack('<HHIII', header)
            if size > 16:
                self.socket.recv(size - 16, socket.MSG_WAITALL)
            return error if flags & ERROR else 0
        except ConnectionError:
            return -1

    def hello(self):
        return self.ask(VERSION, struct.pack('<HH', 0, 1))

    def info(self):
        return self.ask(GET_INFO, bytes(16))

    def close(self):
        self.socket.close()


class Device:
    def __init__(self, *arguments, sockets=('a',), stdout=None, umask=-1):
        self.log = open('log', 'wb') if stdout is None else None
        self.errors = open('errors', 'wb')
        self.process = subprocess.Popen(
            [HNI, 'device', *[w for s in sockets for w in ('--socket', s)], *arguments],
            stdout=stdout or self.log, stderr=self.errors, umask=umask)
        devices.append(self.process)
        ready = until(lambda: all(os.path.exists(s) for s in sockets) or self.process.poll() is not None)
        check(f'{arguments} starts', ready and self.process.poll() is None, open('errors').read())

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            check('SIGTERM ends it', False)
            return None

    def summary(self):
        return json.loads(open('log').read().strip().splitlines()[-1])

    def children(self):
        """Lists card processes only: the cleanup processes are not sandboxed."""
        pid = self.process.pid
        return [int(p) for p in open(f'/proc/{pid}/task/{pid}/children').read().split()]


def status_of(pid):
    return dict(line.rstrip('\n').split(':\t', 1) for line in open(f'/proc/{pid}/status') if ':\t' in line)


def unread_output():
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETFL, os.O_NONBLOCK)
    try:
        while True:
            os.write(writer, b'x' * 4096)
    except BlockingIOError:
        pass
    fcntl.fcntl(writer, fcntl.F_SETFL, 0)
    device = Device('--wire', 'loop', stdout=writer)
    for _ in range(2000):
        Client('a').close()
    client = Client('a')
    check('a client is served though nobody reads the log', client.hello() == 0 and client.info() == 0)
    check('lost output is a failure', device.stop() == 1)
    check('and is told', 'lines of output lost: the reader is too slow' in open('errors').read())
    os.close(reader)
    os.close(writer)


def strangers_fill_no_log():
    device = Device('--wire', 'loop')
    for _ in range(2000):
        Client('a').close()
    check('it stops', device.stop() == 0)
    lines = open('log').read().count('\n')
    check('a limited number of lines', lines < 200, lines)


def next_client():
    device = Device('--wire', 'loop', '--json')
    for i in range(50):
        client = Client('a')
        if client.hello() != 0:
            check('the next client is served', False, i)
            break
        for _ in range(30):
            client.socket.sendall(struct.pack('<HHIII', 7, GET_INFO, 32, 0, 0) + bytes(16))
        client.close()
    first = Client('a')
    check('the last one is served', first.hello() == 0)
    attach = subprocess.run([HNI, 'attach', '--socket', 'a', '--frames', '1'], capture_output=True, text=True)
    check('a second client fails', attach.returncode == 1)
    check('it says that the server is busy', 'the server is busy: another client' in attach.stderr, attach.stderr)
    check('the first is still served', first.info() == 0)
    check('it stops', device.stop() == 0)
    check('one was refused', 'client was refused' in open('log').read())
    attach = subprocess.run([HNI, 'attach', '--socket', 'a', '--frames', '1'], capture_output=True, text=True)
    check('no server is another message', 'no server listens there' in attach.stderr, attach.stderr)


def modes():
    device = Device('--wire', 'loop', umask=0)
    check('the socket is 0600', stat.S_IMODE(os.stat('a').st_mode) == 0o600)
    device.stop()


def confined():
    device = Device('--wire', 'loop')
    # The seccomp filter is installed last, after all other restrictions.
    last = ('NoNewPrivs', '1') if 'sanitized' in sys.argv else ('Seccomp', '2')
    until(lambda: status_of(device.process.pid)[last[0]] == last[1], 10)
    of = status_of(device.process.pid)
    check('no new privileges', of['NoNewPrivs'] == '1', of)
    check('no capabilities', all(int(of[c], 16) == 0 for c in ('CapEff', 'CapPrm', 'CapInh')), of)
    if 'sanitized' not in sys.argv:
        check('a list of system calls', of['Seccomp'] == '2', of['Seccomp'])
    limits = open(f'/proc/{device.process.pid}/limits').read()
    check('no core dumps', any(l.split()[4:6] == ['0', '0'] for l in limits.splitlines() if l.startswith('Max core')))
    check('it stops', device.stop() == 0 and not os.path.exists('a'))
    device = Device('--wire', 'loop', '--no-sandbox')
    check('--no-sandbox has no list', status_of(device.process.pid)['Seccomp'] == '0')
    check('it stops', device.stop() == 0)
    if os.geteuid() == 0:
        device = Device('--wire', 'loop', '--user', 'nobody')
        until(lambda: status_of(device.process.pid)['NoNewPrivs'] == '1', 10)
        check('another user', status_of(device.process.pid)['Uid'].split() == ['65534'] * 4)
        check('which has the socket', os.stat('a').st_uid == 65534)
        client = Client('a')
        check('it serves', client.hello() == 0)
        device.stop()
        check('the socket is removed', until(lambda: not os.path.exists('a'), 10))


def own_processes():
    device = Device('--wire', 'loop', '--wire', 'loop', '--json', sockets=('a', 'b'))
    check('a process per card', len(device.children()) == 2, device.children())
    a, b = Client('a'), Client('b')
    check('both are served', a.hello() == 0 and b.hello() == 0)
    os.kill(device.children()[0], signal.SIGKILL)
    check('the client of the dead card notices', a.answer() == -1)
    check('the other card goes on', b.info() == 0)
    check('the socket of the dead card is removed', until(lambda: not os.path.exists('a')))
    check('a dead card is a failure', device.stop() == 1)
    check('and is told', 'ended by signal 9' in open('log').read())
    check('the other socket is removed', not os.path.exists('b'))
    device = Device('--wire', 'loop', '--wire', 'loop', '--json', sockets=('a', 'b'))
    device.process.kill()
    device.process.wait()
    check('the cards end with their parent', until(lambda: not os.path.exists('a') and not os.path.exists('b')))
    device = Device('--wire', 'loop', '--wire', 'loop', '--shared', sockets=('a', 'b'))
    of = status_of(device.process.pid)
    check('--shared: one process', of['Seccomp'] != '0' or 'sanitized' in sys.argv)
    check('it stops', device.stop() == 0)


def cable_in_the_sandbox():
    """The listening end dies. The other, sandboxed end takes over listening, and a third process connects to it."""
    cards = Device('--wire', 'cable:c', '--wire', 'cable:c', sockets=('a', 'b'))
    os.kill(cards.children()[0], signal.SIGKILL)
    until(lambda: not os.path.exists('a'))
    b = Client('b')
    check('the other end goes on', b.hello() == 0)
    check('and listens', until(lambda: b.info() == 0 and 'c' in open('/proc/net/unix').read().split(), 30))
    b.close()
    third = Device('--wire', 'cable:c', sockets=('d',))
    ends = [subprocess.Popen([HNI, 'attach', '--socket', s, '--frames', '1000000', '--duration', '2', '--json'],
                             stdout=subprocess.PIPE, text=True) for s in ('b', 'd')]
    received = [json.loads(end.communicate()[0].strip().splitlines()[-1])['received'] for end in ends]
    check('frames cross the new cable', all(count > 0 for count in received), received)
    third.stop()
    check('no call outside of the list', cards.stop() == 1 and 'signal 31' not in open('log').read())


def full_disk():
    device = Device('--wire', 'loop', '--record', '/dev/full', '--json')
    attach = subprocess.run([HNI, 'attach', '--socket', 'a', '--frames', '2000'], capture_output=True, text=True)
    check('the card goes on', attach.returncode == 0, attach.stdout + attach.stderr)
    check('a lost recording is a failure', device.stop() == 1)
    check('and is told', "--record '/dev/full'" in open('errors').read(), open('errors').read())
    check('lines were lost', device.summary()['record']['lost'] > 0)
    device = Device('--wire', 'pcap:,/dev/full', '--json')
    subprocess.run([HNI, 'attach', '--socket', 'a', '--frames', '20', '--duration', '1'], capture_output=True)
    check('a lost capture is a failure', device.stop() == 1)
    check('and is told', "'/dev/full' cannot be written: No space left" in open('errors').read())


FRAME = bytes.fromhex('020000000001020000000002' '88b5')


def capture(name, records, cut=0):
    data = struct.pack('<IHHiIII', 0xa1b2c3d4, 2, 4, 0, 0, 262144, 1) + b''.join(
        struct.pack('<IIII', 1, i, captured, wire) + (FRAME + bytes(captured))[:captured]
        for i, (captured, wire) in enumerate(records))
    pathlib.Path(name).write_bytes(data[:len(data) - cut] if cut else data)


def replay(name, frames, *more):
    device = Device('--wire', f'pcap:{name}', '--json', *more)
    attach = subprocess.run([HNI, 'attach', '--socket', 'a', '--frames', str(frames), '--duration', '60', '--json'],
                            capture_output=True, text=True)
    received = json.loads(attach.stdout.strip().splitlines()[-1])['received']
    status = device.stop()
    return received, status, device.summary()['wire']


def captures():
    capture('many.pcap', [(60, 60)] * 20000)
    received, status, wire = replay('many.pcap', 20000)
    check('all frames reach a driver that comes later', (received, status) == (20000, 0), (received, status, wire))
    check('it says so', wire['played'] == 20000 and wire['whole'], wire)
    capture('jumbo.pcap', [(100, 100), (9217, 9217), (60, 60), (16384, 16384), (1514, 1514), (65535, 65535), (96, 1000)])
    received, status, wire = replay('jumbo.pcap', 4)
    check('what can be sent is sent', received == 4 and status == 0, (received, status))
    check('the rest by reason', wire['left_out'] == {'cut': 1, 'oversized': 2, 'undersized': 0}, wire)
    capture('broken.pcap', [(60, 60)] * 5, cut=30)
    received, status, wire = replay('broken.pcap', 4)
    check('a capture that breaks off is a failure', received == 4 and status == 1, (received, status))
    check('and is told', 'breaks off' in wire['broken'] and 'breaks off' in open('errors').read())
    received, status, wire = replay('many.pcap', 20000, '--replay-after', '1')
    check('--replay-after', (received, status) == (20000, 0), (received, status, wire))


def attach_balance():
    """What `hni attach` prints adds up, also when the card is reset, rebooted or removed under the running driver."""
    scripts = {'none': '', 'function_reset': 'card_reset power=0', 'power_reset': 'card_reset power=1',
               'firmware_reboot': 'fw_reboot', 'removal': 'gone on=1'}
    for name, operation in scripts.items():
        pathlib.Path(f'{name}.script').write_text(f'start\ninject frames=100\n{operation}\n' if operation else 'start\n')
        device = Device('--wire', 'loop', '--script', f'{name}.script', '--quiet', '--json')
        # Lost frames do not come back: then it ends with its time.
        attach = subprocess.run([HNI, 'attach', '--socket', 'a', '--frames', '2000' if name == 'none' else '100000000',
                                 '--duration', '3', '--json'], capture_output=True, text=True)
        balance = json.loads(attach.stdout.strip().splitlines()[-1])['balance']
        check(f'{name}: every frame is accounted for', balance['accounted'], balance)
        check(f'{name}: each equation holds', all(b['holds'] and b['left'] == b['right'] for b in balance['balances']), balance)
        check(f'{name}: frames moved', balance['sent'] > 0, balance)
        missing = balance['sent'] - balance['completed']
        named = balance['tx_drops'].get('reclaimed at a reset', 0) + balance['tx_drops'].get('not completed', 0)
        check(f'{name}: what was not completed has a reason', missing == named, balance)
        reset = name in ('function_reset', 'power_reset')
        check(f'{name}: a reset is noticed', not reset or balance['recoveries']['card_resets'] > 0, balance)
        # What the card counted is compared unless a reset set its counters back.
        check(f'{name}: compared', balance['compared_with_card'] == (name == 'none') or not reset, balance)
        check(f'{name}: the exit status', attach.returncode == (0 if name == 'none' else 1), attach.stderr)
        if name == 'removal':
            check('a removed card is told', 'the card is gone' in attach.stderr, attach.stderr)
        device.stop()
    device = Device('--wire', 'loop', '--quiet')
    attach = subprocess.run([HNI, 'attach', '--socket', 'a', '--frames', '10'], capture_output=True, text=True)
    check('the balance is printed', '  10 completed, 10 transmitted and 10 accepted by the card\naccounted: yes\n' in attach.stdout,
          attach.stdout)
    device.stop()


CASES = sys.argv[2:] if len(sys.argv) > 2 and sys.argv[2] != 'sanitized' else []
with tempfile.TemporaryDirectory() as folder:
    os.chdir(folder)
    for case in (unread_output, strangers_fill_no_log, next_client, modes, confined, own_processes, cable_in_the_sandbox, full_disk,
                 captures, attach_balance):
        if CASES and case.__name__ not in CASES:
            continue
        begin = time.monotonic()
        os.mkdir(case.__name__)
        os.chdir(case.__name__)
        try:
            case()
        except Exception as error:  # continue with the next case
            check(f'{case.__name__}: {type(error).__name__}', False, error)
        for process in devices:
            if process.poll() is None:
                process.kill()
                process.wait()
        os.chdir('..')
        print(f'{case.__name__}: {time.monotonic() - begin:.1f} s')
    os.chdir('/')
sys.exit(1 if failures else 0)

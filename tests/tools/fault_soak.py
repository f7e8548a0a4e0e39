#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""fault_soak.py HNI SECONDS [SEED [sanitized]]: hni run under random injected faults, and what is left of it.

Five times per second a port of a running `hni run --generator` gets a fault: a random input site, value and number of values. Left out are
the sites whose values are counters (no frame depends on them), a removal of the device (it ends the run; all ones in mailbox_low are one), and what is only shown. At the
end every equation of the run's balance has to hold, and its memory must not have grown by more than 1 MiB since the first tenth.
The faults follow from the seed, not the moments at which they meet the traffic: a failure is repeated by the log of faults."""
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time

HNI, SECONDS = os.path.abspath(sys.argv[1]), float(sys.argv[2])
SEED = int(sys.argv[3]) if len(sys.argv) > 3 else int.from_bytes(os.urandom(4), 'big')
LEFT_OUT = {'presence', 'counter32', 'counter64_high', 'counter64_low', 'fec_counter', 'register_dump'}
VALUES = (0, 1, 2, 0x7f, 0xff, 0x100, 0xfff, 0x1000, 0x7fff, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff)
GROWTH_KIB = 1024


def hni_port(*words):
    return subprocess.run([HNI, 'port', *words], capture_output=True, text=True)


def sites():
    answer = subprocess.run([HNI, 'port', 'inject', '--list-sites'], capture_output=True, text=True)
    return [line.split()[0] for line in answer.stdout.splitlines()]


def memory_kib(pid):
    return next(int(line.split()[1]) for line in open(f'/proc/{pid}/status') if line.startswith('VmRSS:'))


def main():
    names = [site for site in sites() if site not in LEFT_OUT]
    if len(names) < 40:
        sys.exit(f'FAILED: {len(names)} input sites')
    rng = random.Random(SEED)
    print(f'seed {SEED}, {SECONDS:.0f} s, {len(names)} sites', flush=True)
    output = tempfile.TemporaryFile('w+')
    run = subprocess.Popen([HNI, 'run', '--generator', '--rate', '2000', '--quiet', '--json'], stdout=output)
    begin = time.monotonic()
    faults, refused_questions, memory = [], 0, []
    while time.monotonic() - begin < SECONDS and run.poll() is None:
        time.sleep(0.2)
        fault = (rng.choice(('hni0', 'hni1')), rng.choice(names),
                 str(rng.choice(VALUES) if rng.random() < 0.5 else rng.getrandbits(32)), rng.choice(('1', '1', '2', '10', '300')))
        if fault[1] == 'mailbox_low' and int(fault[2]) == 0xffffffff:
            continue  # the register that shows a removal of the device: all ones are one
        answer = hni_port('inject', '--run', str(run.pid), *fault[:3], '--count', fault[3])
        if answer.returncode == 0:
            faults.append(fault)
        else:
            refused_questions += 1
        if run.poll() is None:
            memory.append((time.monotonic() - begin, memory_kib(run.pid)))
    ended_early = run.poll() is not None
    # What was injected ends with the run: the ports have time to recover from the last fault.
    for port in ('hni0', 'hni1'):
        hni_port('inject', '--run', str(run.pid), port, 'rcq_word', '0', '--count', '0')
    time.sleep(3)
    if run.poll() is None:
        run.send_signal(signal.SIGINT)
    status = run.wait(120)
    output.seek(0)
    lines = [json.loads(line) for line in output if line.startswith('{')]
    problems = [f'the run ended before its time, exit status {status}'] if ended_early else []
    if not lines or 'summary' not in lines[-1]:
        problems.append(f'no summary, exit status {status}')
    else:
        summary = lines[-1]['summary']
        for b in summary['balances']:
            if not b['holds']:
                problems.append(f'{b["what"]}: {b["left"]} and {b["right"]}')
        if not summary['accounted']:
            problems.append('not accounted')
        for d in summary['directions']:
            print(f'{d["from"]} -> {d["to"]}: {d["sent"]} sent, {d["delivered"]} delivered, dropped {d["tx_drops"]} {d["rx_drops"]}')
            if d['delivered'] == 0:
                problems.append(f'nothing arrived at {d["to"]}')
    early = max((kib for at, kib in memory if at <= max(SECONDS / 10, 3)), default=0)
    late = max((kib for at, kib in memory if at >= SECONDS * 0.9), default=0)
    print(f'{len(faults)} faults, memory {early} KiB, at the end {late} KiB')
    if not faults or refused_questions > len(faults) // 10:
        problems.append(f'{len(faults)} faults injected, {refused_questions} questions refused')
    # A sanitizer keeps freed memory for a while.
    if late - early > GROWTH_KIB and 'sanitized' not in sys.argv:
        problems.append(f'memory grew by {late - early} KiB')
    for problem in problems:
        print(f'FAILED: {problem}')
    if problems:
        print('the last faults: ' + '; '.join(' '.join(f) for f in faults[-20:]))
    return 1 if problems else 0


sys.exit(main())

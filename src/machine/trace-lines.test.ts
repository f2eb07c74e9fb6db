import { deepEqual } from 'node:assert/strict';
import { test } from 'node:test';
import type { CallEvent, MachineEvent, StepEvent } from './events.js';
import { TraceLines } from './trace-lines.js';

const nested = { at: 1_500_000, generation: 1, nth: 1, microseconds: 21 };

function call(details: Partial<CallEvent> & Pick<CallEvent, 'call'>): CallEvent {
  return { event: 'call', ...nested, depth: 0, tid: 42, ...details };
}

function step(details: Partial<StepEvent> & Pick<StepEvent, 'step'>): StepEvent {
  return { event: 'step', ...nested, depth: 1, ...details };
}

/** The lines of some events, without the time that each begins with. */
function linesOf(...events: MachineEvent[]): string[] {
  const lines = new TraceLines();
  return [...events.flatMap((event) => lines.format(event)), ...lines.rest()].map((line) => line.slice(14));
}

test('a call is a line in the manner of strace: names, not numbers', () => {
  deepEqual(
    linesOf(
      call({ call: 'open', result: 3 }),
      call({ call: 'CREATE_SESSION', fd: 3, session: 'vm', result: 5 }),
      call({ call: 'PRESERVE_FD', fd: 5, session: 'vm', argument: 4, token: '26', result: 0 }),
      call({ call: 'ioctl', fd: 5, session: 'vm', detail: '0xba7f', error: 'EINVAL', reason: 'Cannot run it' }),
      call({ call: 'GET_STATE', fd: 3, result: 0 }),
      call({ call: 'reboot', detail: 'LINUX_REBOOT_CMD_KEXEC' }),
    ),
    [
      '42 open("/dev/liveupdate") = 3 <21 us>',
      '42 CREATE_SESSION(3</dev/liveupdate>, "vm") = 5<session "vm"> <21 us>',
      '42 PRESERVE_FD(5<session "vm">, fd 4, token 0x1a) = 0 <21 us>',
      '42 ioctl(5<session "vm">, 0xba7f) = -1 EINVAL (Cannot run it) <21 us>',
      '42 GET_STATE(3</dev/liveupdate>) = 0 <21 us>',
      '42 reboot(LINUX_REBOOT_CMD_KEXEC) = ? <21 us>',
    ],
  );
});

test('what lies within a call comes after it, further to the right', () => {
  deepEqual(
    linesOf(
      step({ step: 'allocate', depth: 2, count: 3, pages: 3, microseconds: 0 }),
      step({ step: 'kho_preserve_folio', depth: 2, pages: 4, microseconds: 0 }),
      step({ step: 'kho_preserve_vmalloc', depth: 2, pages: 1 }),
      step({ step: 'preserve', session: 'vm', token: '1', compatible: 'memfd-v2' }),
      step({ step: 'flb_preserve', compatible: 'pools-v1', error: 'EIO' }),
      call({ call: 'PRESERVE_FD', fd: 5, result: 0 }),
      step({ step: 'finish', depth: 0, session: 'vm', token: '1', retrieved: false }),
    ),
    [
      '42 PRESERVE_FD(5</dev/liveupdate>) = 0 <21 us>',
      '    memfd-v2: preserve (session "vm", token 0x1) <21 us>',
      '      memory: allocate x 3 (3 pages)',
      '      KHO: preserve_folio (4 pages)',
      '      KHO: preserve_vmalloc (1 page) <21 us>',
      '    FLB "pools-v1": preserve = -1 EIO <21 us>',
      '  handler: finish (session "vm", token 0x1, never retrieved) <21 us>',
    ],
  );
});

test('the steps of a call that never ends are shown at last', () => {
  deepEqual(linesOf(step({ step: 'freeze' }), { event: 'exit', at: 2_000_000, generation: 1, signal: 'SIGKILL' }), [
    '    handler: freeze <21 us>',
    '+++ killed by SIGKILL +++',
  ]);
  deepEqual(linesOf(step({ step: 'freeze' })), ['    handler: freeze <21 us>']);
});

test('a fault is shown where it struck, and only once', () => {
  deepEqual(
    linesOf(
      call({ call: 'FINISH', error: 'EBUSY', reason: 'the fault "finish" was injected', injected: 'finish' }),
      call({ call: 'FINISH', result: 0, injected: 'kill_agent' }),
      step({ step: 'kexec_boot', depth: 0, injected: 'kill_machine:after=boot' }),
    ),
    [
      '42 FINISH() = -1 EBUSY (the fault "finish" was injected) <21 us>',
      '42 FINISH() = 0 (injected: kill_agent) <21 us>',
      '  kexec: boot (injected: kill_machine:after=boot) <21 us>',
    ],
  );
});

test('generations begin with their command and end with what is left', () => {
  const carried = { sessions: 1, files: 2, bytes: '4096' };
  deepEqual(
    linesOf(
      { event: 'generation', at: 0, generation: 2, argv: ['./agent', 'a b'], carried },
      { event: 'exit', at: 0, generation: 2, code: 3 },
      {
        event: 'end',
        at: 0,
        generation: 2,
        by: 'exit',
        left: [
          { session: 'a', retrieved: false, finished: false, notRetrieved: ['26'] },
          { session: 'b', retrieved: true, finished: false, notRetrieved: [] },
          { session: 'c', retrieved: true, finished: true, notRetrieved: ['1', '2'] },
        ],
        dropped: ['d\n'],
        leaks: ['1 pages of RAM'],
      },
    ),
    [
      '--- generation 2: ./agent "a b" (took over 1 session, 2 files, 4 KiB) ---',
      '+++ exited with 3 +++',
      '--- generation 2 has ended: exit ---',
      '    lost: session "a" was never retrieved; files never retrieved: token 0x1a',
      '    lost: session "b" was retrieved, and not finished',
      '    lost: session "c" was finished; files never retrieved: token 0x1, 0x2',
      '    dropped: session "d\\n" of this generation does not pass',
      '    leaked: 1 pages of RAM',
    ],
  );
});

test('a session whose last descriptor is closed has no thread', () => {
  const { tid, ...closed } = call({ call: 'close', session: 'vm', result: 0 });
  deepEqual([tid, ...linesOf(closed)], [42, '- close(<session "vm">) = 0 <21 us>']);
});

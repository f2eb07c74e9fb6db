/** What a watcher of a kernel sees, and that the kernel does the same with nobody there. */
import { deepEqual, equal, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { KernelError } from './error.js';
import type { Action, Tracer } from './step.js';
import { FakeMachine, leftovers } from './testing/fake-machine.js';
import { PassingModule } from './testing/passing-module.js';

/** Writes down each action when it begins, with what lies within it further to the right. */
class Notes implements Tracer {
  readonly lines: string[] = [];
  #depth = 0;

  during<Result>(action: Action, run: () => Result): Result {
    const index = this.lines.push(`${'  '.repeat(this.#depth)}${describe(action)}`) - 1;
    this.#depth += 1;
    try {
      return run();
    } catch (error) {
      this.lines[index] += ` ${error instanceof KernelError ? error.code : error}`;
      throw error;
    } finally {
      this.#depth -= 1;
    }
  }

  folio(callback: string, pages: number): void {
    this.lines.push(`${'  '.repeat(this.#depth)}${callback} ${pages}`);
  }

  take(): string[] {
    return this.lines.splice(0);
  }
}

function describe(action: Action): string {
  switch (action.kind) {
    case 'file': {
      const retrieved = action.callback === 'finish' ? (action.retrieved ? ' retrieved' : ' not retrieved') : '';
      return `${action.callback} ${action.session} ${action.token}${retrieved}`;
    }
    case 'flb':
      return `flb ${action.callback} ${action.compatible}`;
    case 'kho':
      return `kho ${action.callback}${action.pages === undefined ? '' : ` ${action.pages}`}`;
  }
}

test('the way of a memfd through a live update is seen: callbacks, and within them what KHO gets', () => {
  const notes = new Notes();
  const machine = new FakeMachine({ tracer: notes });
  const device = machine.openDevice();
  const session = machine.create(device, 'vm');
  notes.take();

  machine.preserve(session, machine.memfd('x'.repeat(5000)), 1n);
  deepEqual(notes.take(), [
    // The list of the session's files.
    'preserve_folio 1',
    'preserve "vm" 1',
    '  preserve_folio 2',
    '  kho preserve_vmalloc 1',
    '  preserve_folio 1',
  ]);

  const handover = machine.kernel.reboot();
  deepEqual(notes.take(), ['freeze "vm" 1', 'kho finalize']);
  machine.kernel.cancelReboot();
  // A memfd has nothing to unfreeze.
  deepEqual(notes.take(), ['kho abort']);
  equal(handover.regions.length, 1);

  machine.kexec();
  notes.take();
  const incoming = machine.retrieve(machine.openDevice(), 'vm');
  notes.take();
  machine.retrieveFd(incoming, 1n);
  deepEqual(notes.take(), ['retrieve "vm" 1', '  restore_folio 1', '  kho restore_vmalloc 1', '  restore_folio 2']);
  machine.finish(incoming);
  deepEqual(notes.take(), ['finish "vm" 1 retrieved']);
  deepEqual(leftovers(machine), []);
});

test('what is let go of is seen, and whether a program had asked for it', () => {
  const notes = new Notes();
  const machine = new FakeMachine({ tracer: notes });
  const session = machine.create(machine.openDevice(), 'vm');
  machine.preserve(session, machine.memfd('a'), 1n);
  notes.take();
  machine.task.close(session);
  deepEqual(notes.take(), [
    'unpreserve "vm" 1',
    '  unpreserve_folio 1',
    '  kho unpreserve_vmalloc 1',
    '  unpreserve_folio 1',
    'unpreserve_folio 1',
  ]);

  machine.preserve(machine.create(3, 'vm'), machine.memfd('a'), 1n);
  machine.kexec();
  const incoming = machine.retrieve(machine.openDevice(), 'vm');
  notes.take();
  machine.finish(incoming);
  equal(notes.take()[0], 'finish "vm" 1 not retrieved');
});

test('FLBs are seen in their turn', () => {
  const notes = new Notes();
  const machine = new FakeMachine({ tracer: notes, modules: [new PassingModule('shared-v1')] });
  const session = machine.create(machine.openDevice(), 'vm');
  notes.take();
  machine.preserve(session, machine.memfd('', { kind: 'other' }), 1n);
  machine.kexec();
  const incoming = machine.retrieve(machine.openDevice(), 'vm');
  machine.retrieveFd(incoming, 1n);
  machine.finish(incoming);
  deepEqual(
    notes.take().filter((line) => /^flb|"vm"/.test(line)),
    [
      'flb preserve shared-v1',
      'preserve "vm" 1',
      'freeze "vm" 1',
      'retrieve "vm" 1',
      'can_finish "vm" 1',
      'finish "vm" 1 retrieved',
      'flb retrieve shared-v1',
      'flb finish shared-v1',
    ],
  );
});

test('a callback that fails is seen with its error, also where the world makes it fail', () => {
  const notes = new Notes();
  const machine = new FakeMachine({ tracer: notes });
  const session = machine.create(machine.openDevice(), 'vm');
  notes.take();
  machine.hardware.onStep = ({ kind }) => {
    if (kind === 'file') throw new KernelError('EIO', 'as it is to be');
  };
  throws(() => machine.preserve(session, machine.memfd('a'), 1n), { code: 'EIO' });
  deepEqual(
    notes.take().filter((line) => line.includes('"vm"')),
    ['preserve "vm" 1 EIO'],
  );
});

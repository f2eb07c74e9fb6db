import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { parseFault } from './fault-parser.js';
import { Injector, type Occasion } from './injector.js';

function injectorOf(...faults: string[]): Injector {
  return new Injector(faults.map(parseFault));
}

const call: Occasion = { when: 'call', name: 'retrieve_fd', generation: 2, session: 'vm', token: 26n };

test('a fault strikes at its point, once', () => {
  const injector = injectorOf('retrieve_fd');
  equal(injector.strike({ ...call, name: 'preserve_fd' }), undefined);
  equal(injector.strike(call)?.text, 'retrieve_fd');
  equal(injector.strike(call), undefined);
});

test('session, token and generation must be the same, where the fault has them', () => {
  for (const other of ['session=vn', 'token=27', 'generation=1']) {
    equal(injectorOf(`retrieve_fd:${other}`).strike(call), undefined, other);
  }
  equal(injectorOf('retrieve_fd:session=vm:token=0x1a:generation=2').strike(call)?.token, 26n);
});

test('only what matches is counted', () => {
  const injector = injectorOf('retrieve_fd:token=26:nth=2');
  equal(injector.strike(call), undefined);
  equal(injector.strike({ ...call, token: 1n }), undefined);
  equal(injector.strike(call)?.nth, 2);
});

test('of two faults at one place the first strikes, and both count', () => {
  const injector = injectorOf('retrieve_fd', 'retrieve_fd:errno=EIO', 'retrieve_fd:nth=2:errno=EPERM');
  equal(injector.strike(call)?.errno, 'ENOMEM');
  equal(injector.strike(call)?.errno, 'EPERM');
});

test('a call is not the step of its name, nor its answer', () => {
  equal(injectorOf('finish').strike({ ...call, when: 'answered', name: 'finish' }), undefined);
  equal(injectorOf('freeze').strike({ when: 'kexec', name: 'freeze', generation: 1 }), undefined);
  equal(injectorOf('freeze').strike({ when: 'step', name: 'freeze', generation: 1 })?.errno, 'EBUSY');
});

test('emfile strikes calls that give a descriptor, and eintr any but a reboot', () => {
  equal(injectorOf('emfile').strike({ ...call, name: 'finish' }), undefined);
  equal(injectorOf('emfile').strike(call)?.errno, 'EMFILE');
  equal(injectorOf('emfile:call=open').strike(call), undefined);
  equal(injectorOf('eintr').strike({ ...call, name: 'reboot' }), undefined);
  equal(injectorOf('eintr:call=retrieve_fd').strike(call)?.errno, 'EINTR');
});

test('kill_agent strikes after a call by default, or before it', () => {
  const answered: Occasion = { ...call, when: 'answered' };
  equal(injectorOf('kill_agent').strike(call), undefined);
  equal(injectorOf('kill_agent').strike(answered)?.point, 'kill_agent');
  equal(injectorOf('kill_agent:after=finish').strike(answered), undefined);
  equal(injectorOf('kill_agent:before=retrieve_fd').strike(answered), undefined);
  equal(injectorOf('kill_agent:before=retrieve_fd').strike(call)?.point, 'kill_agent');
});

test('kill_machine strikes when all is handed over, or where it is told to', () => {
  const part = (name: string): Occasion => ({ when: 'kexec', name, generation: 1 });
  equal(injectorOf('kill_machine').strike(part('boot')), undefined);
  equal(injectorOf('kill_machine').strike(part('handover'))?.point, 'kill_machine');
  equal(injectorOf('kill_machine:after=boot').strike(part('boot'))?.point, 'kill_machine');
});

test('a fault that never struck is told of, with how near it came', () => {
  const injector = injectorOf('open', 'retrieve_fd:nth=2', 'retrieve_fd:nth=3', 'retrieve_fd');
  injector.strike(call);
  deepEqual(injector.missed, [
    'the fault "open" never struck: nothing matched it',
    'the fault "retrieve_fd:nth=2" never struck: it was to strike at match 2, and that came once',
    'the fault "retrieve_fd:nth=3" never struck: it was to strike at match 3, and that came once',
  ]);
  injector.strike(call);
  deepEqual(injector.missed.length, 2);
});

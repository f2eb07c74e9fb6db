import { deepEqual, equal, match, ok, throws } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { faultList } from './fault-list.js';
import { FaultError, parseFault } from './fault-parser.js';
import { faultPoints } from './faults.js';

/** The sentence, and the part of the text that the mark is under. */
function problemOf(text: string): { sentence: string; marked: string } {
  try {
    parseFault(text);
  } catch (error) {
    ok(error instanceof FaultError);
    const [sentence = '', , shown = '', mark = ''] = error.message.split('\n');
    return { sentence, marked: shown.slice(mark.indexOf('^'), mark.length) };
  }
  throw new Error(`"${text}" was read`);
}

test('a point alone has its usual error, and strikes the first time', () => {
  deepEqual(parseFault('retrieve_fd'), { point: 'retrieve_fd', text: 'retrieve_fd', errno: 'ENOMEM', nth: 1 });
  deepEqual(parseFault('kill_machine'), { point: 'kill_machine', text: 'kill_machine', nth: 1 });
});

test('all that a fault can say is read', () => {
  const text = 'retrieve_fd:session=vm:token=0x1a:errno=EIO:nth=2:generation=3';
  const read = { session: 'vm', token: 26n, errno: 'EIO', nth: 2, generation: 3 };
  deepEqual(parseFault(text), { point: 'retrieve_fd', text, ...read });
  equal(parseFault('preserve_fd:token=18446744073709551615').token, 2n ** 64n - 1n);
  equal(parseFault('kill_agent:before=finish').before, 'finish');
  equal(parseFault('kill_agent:after=open').after, 'open');
  equal(parseFault('kill_machine:after=boot').after, 'boot');
  equal(parseFault('emfile:call=open').call, 'open');
});

test('a name with a colon stands in quotes', () => {
  equal(parseFault('finish:session="a:b\\"":nth=2').session, 'a:b"');
  equal(parseFault('finish:session=a b').session, 'a b');
});

test('a typo is marked, with what was meant', () => {
  const { sentence, marked } = problemOf('retrive_fd:errno=ENOMEM');
  equal(marked, 'retrive_fd');
  match(sentence, /there is no point "retrive_fd"\. Did you mean "retrieve_fd"\? There are open, create_session/);
  equal(problemOf('retrieve_fd:tokn=1').marked, 'tokn');
  match(problemOf('retrieve_fd:tokn=1').sentence, /Did you mean "token"\? There are session, token, errno/);
  equal(problemOf('retrieve_fd:errno=ENOMEN').marked, 'ENOMEN');
  match(problemOf('retrieve_fd:errno=enomem').sentence, /Did you mean "ENOMEM"\?$/);
  equal(problemOf('kill_machine:after=frieze').marked, 'frieze');
});

test('what is like nothing is marked without a guess', () => {
  const { sentence, marked } = problemOf('open:errno=EXYZZYPLUGH');
  equal(marked, 'EXYZZYPLUGH');
  match(sentence, /there is no error "EXYZZYPLUGH"$/);
});

test('a value that is none is marked', () => {
  const wrong = {
    'retrieve_fd:token=x': 'x',
    'retrieve_fd:token=18446744073709551616': '18446744073709551616',
    'retrieve_fd:token=-1': '-1',
    'retrieve_fd:nth=0': '0',
    'retrieve_fd:nth=99999999999999999': '99999999999999999',
    'retrieve_fd:generation=two': 'two',
    'retrieve_fd:session="a': '"a',
    'retrieve_fd:token': 'token',
    'retrieve_fd:token=': 'token=',
    'emfile:call=opne': 'opne',
    'kill_agent:after=open:before=finish': 'finish',
    'open:nth=1:nth=2': 'nth',
  };
  for (const [text, marked] of Object.entries(wrong)) equal(problemOf(text).marked, marked, text);
});

test('what a point does not have is refused', () => {
  for (const text of [
    'open:session=a',
    'allocate:token=1',
    'kill_agent:errno=EIO',
    'finish:token=1',
    'open:call=open',
  ]) {
    match(problemOf(text).sentence, /there is no setting of/, text);
  }
});

test('an empty text says that a point is missing', () => {
  match(problemOf('').sentence, /a point is missing\. There are open,/);
  match(problemOf(':token=1').sentence, /a point is missing/);
});

test('every point is in the list, once, and its example can be read', () => {
  deepEqual(faultList.map(({ point }) => point).sort(), [...faultPoints].sort());
  for (const { point, example } of faultList) equal(parseFault(example).point, point);
});

test('whatever is given is read, or refused with a mark under it', () => {
  const pieces = fc.constantFrom(
    ...faultPoints,
    'session=',
    'token=',
    '0x',
    'errno=EIO',
    'nth=',
    '1',
    ':',
    '"',
    '\\',
    '\n',
    'é',
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(pieces).map((all) => all.join('')),
      ),
      (text) => {
        try {
          equal(parseFault(text).text, text);
        } catch (error) {
          ok(error instanceof FaultError);
          match(error.message, /^Cannot inject a fault: [^\n]+\n\n {4}[^\n]*\n {4} *\^~*$/);
        }
      },
    ),
  );
  throws(() => parseFault('a\nb'), /Cannot inject/);
});

test('a call at which the point cannot strike is refused: nothing comes back from a reboot', () => {
  const wrong = { 'emfile:call=finish': 'finish', 'eintr:call=reboot': 'reboot', 'kill_agent:after=reboot': 'reboot' };
  for (const [text, marked] of Object.entries(wrong)) equal(problemOf(text).marked, marked, text);
  match(problemOf('emfile:call=finish').sentence, /there is no call "finish"\. There are open, create_session, retr/);
});

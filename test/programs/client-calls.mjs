/** An agent by the client library: every call and what it refuses, in two generations. Its argument is the profile. */
import assert from 'node:assert/strict';
import { openSync, readSync } from 'node:fs';
import { LiveUpdate, LiveUpdateError, LiveUpdateSession, Memfd } from 'luo';

const [profile = 'linux'] = process.argv.slice(2);
const linux = profile === 'linux';
const live = LiveUpdate.open();
const [text, largest] = ['ein Gruß', (1n << 64n) - 1n];

/** Does what must be refused, and compares the error. */
function refused(act, expected, sentence) {
  assert.throws(act, (error) => {
    assert.ok(error instanceof LiveUpdateError, String(error));
    for (const [field, value] of Object.entries(expected)) assert.equal(error[field], value, `${error}: ${field}`);
    assert.match(error.message, sentence);
    return true;
  });
}

const incoming = retrieve('calls');
if (incoming === undefined) first();
else second(incoming);

function retrieve(name) {
  try {
    return live.retrieveSession(name);
  } catch (error) {
    assert.equal(error.code, 'ENOENT');
    assert.equal(error.syscall, 'ioctl');
    assert.equal(error.session, name);
    assert.match(error.message, /^Cannot retrieve session "calls": ENOENT: the last generation left no session/);
    return undefined;
  }
}

function first() {
  refused(
    () => LiveUpdate.open(),
    { code: 'EBUSY', errno: 16, operation: 'open', syscall: 'open', session: undefined, token: undefined },
    /^Cannot open \/dev\/liveupdate: EBUSY: one program at a time/,
  );

  const session = live.createSession('calls');
  assert.equal(session.name, 'calls');
  assert.equal(session.nameBytes.length, 5);
  refused(() => live.createSession('calls'), { code: 'EEXIST', session: 'calls' }, /take another name$/);
  if (linux) {
    assert.equal(LiveUpdateSession.fromDescriptor(session.fd).name, 'calls');
    assert.equal(live.createSession('x'.repeat(63)).name.length, 63);
  } else {
    refused(
      () => LiveUpdateSession.fromDescriptor(session.fd),
      { code: 'EINVAL', operation: 'GET_NAME' },
      /say the name/,
    );
    assert.equal(LiveUpdateSession.fromDescriptor(session.fd, 'calls').name, 'calls');
    refused(() => live.createSession('x'.repeat(56)), { code: 'EINVAL' }, /take a shorter one/);
    refused(() => live.createSession('x'.repeat(57)), { code: 'E2BIG' }, /names of up to 55 bytes/);
    assert.equal(live.createSession('x'.repeat(55)).name.length, 55);
  }
  const bytes = live.createSession(Uint8Array.of(0xff, 0x2f, 0x01));
  assert.deepEqual([...bytes.nameBytes], [0xff, 0x2f, 0x01]);

  const memfd = Memfd.create('calls', { size: 4096 });
  const view = memfd.map();
  session.preserve(memfd, 7);
  view.set(Buffer.from(text));
  refused(
    () => session.preserve(memfd.fd, 7n),
    { code: 'EEXIST', operation: 'PRESERVE_FD', session: 'calls', token: 7n },
    /^Cannot preserve descriptor \d+ under token 0x7 in session "calls": EEXIST: .*take another token$/,
  );
  if (linux) refused(() => session.preserve(memfd, 8), { code: 'EBUSY', token: 8n }, /preserved already/);
  refused(() => session.preserve(openSync('/dev/null'), 9), { code: 'ENOENT' }, /preserve memfds/);
  refused(() => session.preserve(4000, 9), { code: 'EBADF' }, /not open/);
  refused(() => memfd.resize(8192), { code: 'EPERM', operation: 'ftruncate' }, /keeps its size/);
  refused(() => session.retrieve(7), { code: linux ? 'EINVAL' : 'ENOENT' }, /retrieve token 0x7 from session "calls"/);
  if (linux) refused(() => session.finish(), { code: 'EINVAL' }, /close\(\) lets go of one that was created/);
  session.preserve(Memfd.create('', {}), largest);

  const brief = live.createSession('brief');
  brief.close();
  brief.close();
  for (const use of [() => brief.preserve(0, 1), () => brief.retrieve(1), () => brief.finish(), () => brief.fd])
    refused(use, { code: 'EBADF', session: 'brief' }, /session "brief" was closed/);
  assert.equal(brief.name, 'brief');

  // A session lives on without the device.
  live.close();
  live.close();
  refused(() => live.createSession('late'), { code: 'EBADF' }, /\/dev\/liveupdate was closed/);
  refused(() => live.fd, { code: 'EBADF' }, /was closed/);
  assert.equal(live.isOpen, false);
  LiveUpdate.fromDescriptor(LiveUpdate.open().fd)[Symbol.dispose]();
  session.preserve(Memfd.create('another', { size: 1 }), 0n);
  console.log('first done');
  setInterval(() => {}, 1000);
}

function second(session) {
  refused(() => live.retrieveSession('calls'), { code: 'EINVAL' }, /retrieved already/);
  assert.equal(session.name, 'calls');
  if (linux) assert.equal(LiveUpdateSession.fromDescriptor(session.fd).name, 'calls');
  const memfd = Memfd.fromDescriptor(session.retrieve(7));
  assert.equal(memfd.size, 4096);
  assert.equal(Buffer.from(memfd.map()).toString('utf8', 0, Buffer.byteLength(text)), text);
  assert.equal(Memfd.fromDescriptor(session.retrieve(largest)).size, 0);
  const read = Buffer.alloc(9);
  assert.equal(readSync(session.retrieve(7), read, 0, 9, 0), 9);
  refused(
    () => session.retrieve(8),
    { code: 'ENOENT', operation: 'RETRIEVE_FD', token: 8n },
    /no file under this token/,
  );
  if (linux) {
    refused(() => session.preserve(memfd, 8), { code: 'EINVAL' }, /use createSession\(\)/);
    refused(() => live.createSession('again').preserve(memfd, 8), { code: 'EBUSY' }, /finish\(\) that one first/);
  }
  // Everything but token 0 was wanted.
  session.finish();
  session.finish();
  refused(() => session.retrieve(0), { code: 'ENOENT' }, /is finished/);
  session.close();
  live.createSession('calls').preserve(memfd, 1);
  console.log('second done');
}

/**
 * Sessions that are no whole state, and what opening them says. Nothing that they hold may be lost. With `large`, one
 * has an index of 8 GiB, which Linux would allocate.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { LiveUpdate, Memfd, PersistentState, PersistentStateError } from 'luo';

const NONE = { buffers: [] };
const text = (token, bytes) => ({ buffers: [{ key: 'k', token, bytes }] });

/** What the first generation leaves, by the name of the session: an index, or none; beside it a file under token 1. */
const broken = {
  damaged: [memory('this is no index'), 'ERR_STATE_DAMAGED', /neither half of its index/],
  empty: [Memfd.create('empty'), 'ERR_STATE_DAMAGED', /neither half of its index/],
  version: [index(2, NONE), 'ERR_STATE_VERSION', /version 2, and this luo knows version 1/],
  malformed: [index(1, {}), 'ERR_STATE_DAMAGED', /not what a state writes/],
  incomplete: [undefined, 'ERR_STATE_INCOMPLETE', /before preserve\(\) had ended/],
  missing: [index(1, text(5, 1)), 'ERR_STATE_DAMAGED', /names token 5, which the session does not have/],
  short: [index(1, text(1, 100)), 'ERR_STATE_DAMAGED', /buffer "k" has 4 bytes, and its index says 100/],
};

if (process.argv[2] === 'large')
  broken.large = [Memfd.create('large', { size: 2 ** 33 }), 'ERR_STATE_DAMAGED', /at most 4 GiB/];

const device = LiveUpdate.open();
const generation = retrievable('marker') ? 2 : 1;
if (generation === 1) first();
else second();

function memory(content) {
  const memfd = Memfd.create('broken', { size: content.length });
  writeSync(memfd.fd, content);
  return memfd;
}

function index(version, value) {
  const json = JSON.stringify(value);
  const bytes = Buffer.alloc(1 << 16);
  bytes.write('LUOSTATE');
  bytes.writeUInt32LE(version, 8);
  bytes.writeUInt32LE(json.length, 12);
  bytes.write(json, 56);
  createHash('sha256').update(bytes.subarray(0, 24)).update(json).digest().copy(bytes, 24);
  return memory(bytes);
}

function retrievable(name) {
  try {
    device.retrieveSession(name).close();
    return true;
  } catch (error) {
    assert.equal(error.code, 'ENOENT');
    return false;
  }
}

function first() {
  for (const [name, [indexFile]] of Object.entries(broken)) {
    const session = device.createSession(name);
    if (indexFile !== undefined) session.preserve(indexFile, 0);
    session.preserve(memory('kept'), 1);
  }
  device.createSession('marker');
  for (const name of ['scarce', 'taken']) {
    const state = PersistentState.open(name, { liveUpdate: device });
    for (let i = 0; i < 40; i++) state.create(`${i}`, 1)[0] = i;
    state.preserve();
  }
  console.log('first done');
  setInterval(() => {}, 1000);
}

function second() {
  for (const [name, [, code, sentence]] of Object.entries(broken)) {
    const error = failure(() => PersistentState.open(name, { liveUpdate: device }));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, sentence);
    assert.match(error.message, new RegExp(`^Cannot open state "${name}": .*error\\.session is open`));
    // All is there, as often as it is asked for.
    assert.equal(failure(() => PersistentState.open(name, { liveUpdate: device, session: error.session })).code, code);
    assert.equal(Buffer.from(Memfd.fromDescriptor(error.session.retrieve(1)).map()).toString(), 'kept');
    error.session.close();
    const anew = PersistentState.open(name, { liveUpdate: device });
    assert.equal(anew.isNew, true);
    anew.create('k', 1);
    anew.preserve();
  }
  scarce();
  taken();
  console.log('second done');
}

/** Descriptors run out in the middle, and are there later. */
function scarce() {
  const fill = [];
  const limit = Number(/^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))[1]);
  while (fill.length === 0 || fill.at(-1) < limit - 20) fill.push(openSync('/dev/null'));
  const error = failure(() => PersistentState.open('scarce', { liveUpdate: device }));
  for (const fd of fill) closeSync(fd);
  assert.equal(error.code, 'ERR_STATE_UNREADABLE');
  assert.equal(error.cause.code, 'EMFILE');
  assert.match(error.message, /retrieve token 0x[0-9a-f]+ from session "scarce": EMFILE: .*ulimit -n/);
  const state = PersistentState.open('scarce', { liveUpdate: device, session: error.session });
  for (let i = 0; i < 40; i++) assert.equal(state.get(`${i}`)[0], i);
  assert.equal(state.isPreserved, true);
}

/** The state is found, and cannot be preserved again until the name is free. */
function taken() {
  const inTheWay = device.createSession('taken');
  const state = PersistentState.open('taken', { liveUpdate: device });
  assert.equal(state.isNew, false);
  assert.equal(state.isPreserved, false);
  assert.equal(state.get('39')[0], 39);
  assert.throws(() => state.preserve(), { code: 'EEXIST', session: 'taken' });
  inTheWay.close();
  state.preserve();
  assert.equal(state.isPreserved, true);
}

function failure(act) {
  try {
    act();
  } catch (error) {
    assert.ok(error instanceof PersistentStateError, error);
    return error;
  }
  throw new Error('nothing was refused');
}

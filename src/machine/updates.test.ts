/** A live update is announced to the programs that want to know, and waits for them. */
import { deepEqual, equal, match, rejects } from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Luo, type Running } from '../testing/luo.js';
import type { UpdateMessage } from './control-protocol.js';
import { type Patience, type Subscriber, Updates } from './updates.js';

const program = fileURLToPath(new URL('../../test/programs/updates.mjs', import.meta.url));
const subscriber = (...words: string[]) => [process.execPath, program, ...words];

function start(luo: Luo, ...words: string[]): Running {
  return luo.start(['run', '--name', 'm', '--', ...subscriber(...words)]);
}

test('luo kexec waits until all who want to know are ready, and begins then', async () => {
  await using luo = new Luo();
  const running = start(luo, '2', 'prepared');
  await running.says(/\.0 subscribed[\s\S]*\.1 subscribed|\.1 subscribed[\s\S]*\.0 subscribed/);
  const { code, stderr } = await luo.run(['kexec', 'm', '--', ...subscriber('1', 'plain')]);
  equal(code, 0, stderr);
  deepEqual(running.stdout.match(/prepare/g)?.length, 2);
  await running.says(/subscribed[\s\S]*subscribed[\s\S]*subscribed/);
  equal((await luo.run(['kexec', 'm', '--', ...subscriber('1', 'leave')])).code, 0, 'without a number');
  await running.says(/(subscribed[\s\S]*){4}/);
  equal((await luo.run(['kexec', 'm', '--', 'true'])).code, 0, 'a connection that ends is ready');
  equal((await running.result).code, 0);
  equal(running.stdout.includes('cancelled'), false);
  await luo.nothingIsLeft();
});

test('who is not ready in time keeps the program as it is, is named, and all are told; the next update is another one', async () => {
  await using luo = new Luo();
  const running = start(luo, '2', 'first');
  await running.says(/(subscribed[\s\S]*){2}/);
  const { code, stderr } = await luo.run(['kexec', 'm', '--drain-timeout', '0.2']);
  equal(code, 125);
  match(
    stderr,
    /^luo: Cannot start a live update: process \d+ was not ready to be replaced within 0\.2 s\. Nothing was frozen, and everything goes on\. Give more time: luo kexec --drain-timeout=SECONDS$/m,
  );
  await running.says(/(cancelled Cannot start a live update: process \d+ was not ready[\s\S]*){2}/);
  const status = (await luo.run(['ps'])).stdout;
  match(status, /^m +1 +1 /m, status);
  const again = await luo.run(['kexec', 'm', '--drain-timeout', '0']);
  equal(again.code, 125, again.stderr);
  await running.says(/(prepare[\s\S]*){4}/);
});

test('who answers an earlier announcement is not ready for this one, and programs without a pid are counted', async () => {
  await using luo = new Luo();
  const running = start(luo, '2', 'late', 'none');
  await running.says(/(subscribed[\s\S]*){2}/);
  const { code, stderr } = await luo.run(['kexec', 'm', '--drain-timeout', '0.3']);
  equal(code, 125);
  match(stderr, /: 2 programs that did not say a pid were not ready to be replaced within 0\.3 s\./);
});

test('who says that it cannot be replaced is believed at once', async () => {
  await using luo = new Luo();
  const running = start(luo, '1', 'unprepared');
  await running.says(/subscribed/);
  const { code, stderr } = await luo.run(['kexec', 'm']);
  equal(code, 125);
  match(stderr, /: process \d+ cannot be replaced now: it is Sunday\. Nothing was frozen, and everything goes on$/m);
  await running.says(/cancelled .*it is Sunday/);
});

test('a second luo kexec is refused while one waits, and one that is interrupted does not happen', async () => {
  await using luo = new Luo();
  const running = start(luo, '1', 'wait');
  await running.says(/subscribed/);
  const first = luo.start(['kexec', 'm']);
  await running.says(/prepare/);
  const second = await luo.run(['kexec', 'm']);
  equal(second.code, 125);
  match(second.stderr, /^luo: Cannot start a live update: another one is under way\. Try again when it is done$/m);
  first.child.kill('SIGINT');
  await first.result;
  await running.says(/cancelled .*who asked for it waits no more/);
  match((await luo.run(['ps'])).stdout, /^m +1 +1 /m);
});

test('what cannot be run is refused before anybody gets ready, and what fails after that is told to all', async () => {
  await using luo = new Luo();
  const running = luo.start([
    'run',
    '--name',
    'm',
    '--inject',
    'freeze:errno=EIO',
    '--',
    ...subscriber('1', 'prepared', 'pid', 'memory'),
  ]);
  await running.says(/subscribed/);
  const nothing = await luo.run(['kexec', 'm', '--', './nothing']);
  match(nothing.stderr, /^luo: Cannot run "\.\/nothing"/m);
  equal(running.stdout.includes('prepare'), false);
  const failed = await luo.run(['kexec', 'm']);
  equal(failed.code, 125, failed.stderr);
  await running.says(/prepare[\s\S]*cancelled Cannot freeze the preserved files/);
});

test('a program that is still to take over what the last one left is not replaced before it has', async () => {
  await using luo = new Luo();
  const running = start(luo);
  await running.says(/subscribed/);
  const updates = [1, 2, 3];
  for (const _ of updates) equal((await luo.run(['kexec', 'm'])).code, 0);
  equal(running.stdout.match(/prepare/g)?.length, updates.length, 'none came before the program had subscribed');
});

test('one that never takes over is not waited for longer than for those who get ready', async () => {
  await using luo = new Luo();
  const running = start(luo);
  await running.says(/subscribed/);
  equal((await luo.run(['kexec', 'm', '--', 'sleep', '1000'])).code, 0);
  equal((await luo.run(['kexec', 'm', '--drain-timeout', '0.1', '--', 'true'])).code, 0);
  equal((await running.result).code, 0);
});

test('a machine tells who says that it is ready and has not asked', async () => {
  await using luo = new Luo();
  await luo.run(['run', '-d', '--name', 'm', 'sleep', '1000']);
  for (const request of ['{"request":"prepared"}', '{"request":"unprepared","reason":""}']) {
    const socket = connect(join(luo.directory, 'run', 'm', 'control.sock'));
    socket.write(`${request}\n`);
    const [answer] = await once(socket, 'data');
    match(String(answer), /^\{"error":"Cannot take that a program is ready: it has not asked for updates on this/);
    socket.destroy();
  }
});

/** Without a machine: time is what the test says. */
class World {
  readonly deadlines: Array<() => void> = [];
  hasTakenOver = true;
  alive: number | undefined;
  /** A process of the next generation. */
  next: number | undefined;
  readonly updates = new Updates({
    after: (_, action) => this.deadlines.push(action),
    hasTakenOver: () => this.hasTakenOver,
    isAlive: (pid) => pid === this.alive,
    isReplaced: (pid) => pid !== this.next,
  });

  /** One that is carried out when all are ready. */
  update(carryOut = async (): Promise<unknown> => 'done', patience: Patience = {}): Promise<unknown> {
    return this.updates.during(patience, async (prepare) => {
      await prepare();
      return carryOut();
    });
  }

  subscribe(pid: number): { subscriber: Subscriber; heard: UpdateMessage[] } {
    const heard: UpdateMessage[] = [];
    const subscriber = { pid, send: (message: UpdateMessage) => heard.push(message) };
    this.updates.subscribe(subscriber);
    return { subscriber, heard };
  }
}

test('who subscribes while an update waits is told of it, and waited for, too', async () => {
  const world = new World();
  const one = world.subscribe(1);
  const update = world.update();
  const other = world.subscribe(2);
  deepEqual(
    other.heard.map(({ update }) => update),
    ['subscribed', 'prepare'],
  );
  world.updates.prepared(one.subscriber);
  world.updates.prepared(other.subscriber);
  equal(await update, 'done');
});

test('another generation that comes meanwhile is another update', async () => {
  const world = new World();
  world.subscribe(1);
  const update = world.update();
  world.updates.generationBegan();
  await rejects(update, /another one came first\. Try again$/);
});

test('what was not taken over is waited for, and a subscriber', async () => {
  const world = new World();
  world.subscribe(1);
  world.updates.generationBegan();
  world.hasTakenOver = false;
  let carriedOut = false;
  const update = world.update(async () => {
    carriedOut = true;
  });
  const tick = async () => {
    for (const action of world.deadlines.splice(1)) action();
    await new Promise(setImmediate);
  };
  const { subscriber } = world.subscribe(2);
  await tick();
  equal(carriedOut, false);
  world.hasTakenOver = true;
  await tick();
  world.updates.prepared(subscriber);
  await update;
});

test('a program that subscribed before its generation began is told of the next update', async () => {
  const world = new World();
  const old = world.subscribe(1);
  const warm = world.subscribe(2);
  world.alive = 2;
  world.updates.generationBegan();
  const update = world.update();
  await new Promise(setImmediate);
  equal(old.heard.length, 1);
  equal(warm.heard.length, 2);
  world.updates.prepared(warm.subscriber);
  equal(await update, 'done');
});

test('one that nobody waits for any more before it begins does not begin', async () => {
  const world = new World();
  world.subscribe(1);
  await rejects(
    world.update(async () => {}, { asked: AbortSignal.abort() }),
    /waits no more$/,
  );
});

test('a program of the next generation is neither told nor waited for, whenever it subscribes', async () => {
  for (const isEarly of [true, false]) {
    const world = new World();
    world.next = 2;
    const early = isEarly ? world.subscribe(2) : undefined;
    const old = world.subscribe(1);
    const update = world.update();
    const warm = early ?? world.subscribe(2);
    deepEqual(warm.heard, [{ update: 'subscribed' }]);
    world.updates.prepared(old.subscriber);
    equal(await update, 'done');
  }
});

test('an update that fails while it is waited for programs is told to them, and what they answer is late', async () => {
  const world = new World();
  const { subscriber, heard } = world.subscribe(1);
  let isPrepared = false;
  const update = world.updates.during({}, async (prepare) => {
    prepare().then(() => {
      isPrepared = true;
    });
    throw new Error('the next program has ended');
  });
  await rejects(update, /the next program has ended/);
  deepEqual(heard.at(-1), { update: 'cancelled', number: 1, reason: 'the next program has ended' });
  world.updates.prepared(subscriber);
  await new Promise(setImmediate);
  equal(isPrepared, false);
});

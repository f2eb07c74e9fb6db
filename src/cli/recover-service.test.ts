/** A machine that is a service: what it preserves is in the store of the service manager, and outlives the keeper, too. */
import { equal, match, ok } from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { compile, noCompiler } from '../testing/compile.js';
import { eventually, Luo, luoCommand, type Running } from '../testing/luo.js';
import { statusOf } from '../testing/status.js';

const skip = noCompiler();
const agent = skip ? '' : compile('test/programs/recovery.c');
const manager = skip ? '' : compile('test/programs/fake-service-manager.c');

const ROOM = 64;

/** A service of the fake manager that runs a machine. */
function startService(luo: Luo, policy: string, { room = ROOM, command = [agent] } = {}): Running {
  const machine = [...luoCommand, 'run', '--name', 'web', `--on-crash=${policy}`, '--', ...command];
  return luo.startCommand([manager, join(luo.directory, 'notify'), String(room), ...machine]);
}

/** Waits until the service was started this often, and what it runs has said so. */
async function startedAgain(service: Running, times: number, said: RegExp): Promise<RegExpExecArray> {
  return eventually(`start ${times} says ${said}`, () => {
    const starts = service.stdout.split(/^(?=started )/m).filter((part) => part.startsWith('started'));
    return said.exec(starts[times - 1] ?? '') ?? undefined;
  });
}

for (const [who, ends] of [
  ['keeper', 'is killed with all that is below it'],
  ['machine', 'is killed, and luo run ends with it'],
] as const) {
  test(`the ${who} of a service ${ends}: started again, it has every byte`, { skip }, async () => {
    await using luo = new Luo();
    const service = startService(luo, 'hold');
    await startedAgain(service, 1, /^ready$.*^ready$/ms);
    const [, keeper] = await startedAgain(service, 1, /^started (\d+) with 0$/m);
    process.kill(who === 'keeper' ? Number(keeper) : (await statusOf(luo)).pid, 'SIGKILL');
    // The agent verifies what it retrieves. Two journals may be there for a moment.
    await startedAgain(service, 2, /^started \d+ with [56]$/m);
    await startedAgain(service, 2, /^- a$.*^- b$.*^ready$/ms);
    equal((await statusOf(luo)).files, 4);
    process.kill(service.pid, 'SIGTERM');
    equal((await service.result).code, 0);
    match(service.stdout, /^ended with \d+, stored 0\n$/m, 'an end that was asked for leaves nothing in the store');
    ok(!/not so/.test(service.stderr), service.stderr);
    await luo.nothingIsLeft();
  });
}

test('with --on-crash=recover the keeper of a service boots again by itself, and its death is survived, too', {
  skip,
}, async () => {
  await using luo = new Luo();
  const service = startService(luo, 'recover');
  await startedAgain(service, 1, /^ready$.*^ready$/ms);
  const { pid, generation } = await statusOf(luo);
  process.kill(pid, 'SIGKILL');
  await service.warns(/machine "web" boots again: 2 sessions, 4 files/);
  const [, keeper] = await startedAgain(service, 1, /^started (\d+) with 0$.*(?:^ready$.*){3}/ms);
  equal((await statusOf(luo)).generation, generation + 1);
  process.kill(Number(keeper), 'SIGKILL');
  await startedAgain(service, 2, /^started \d+ with [56]$.*^- a$.*^- b$.*^ready$/ms);
  process.kill(service.pid, 'SIGTERM');
  equal((await service.result).code, 0);
  await luo.nothingIsLeft();
});

test('a unit without a store is warned of, and comes back with nothing', { skip }, async () => {
  await using luo = new Luo();
  const service = startService(luo, 'hold', { room: 0 });
  await startedAgain(service, 1, /^ready$.*^ready$/ms);
  match(service.stderr, /^luo: The service manager does not say whether the unit has a file descriptor store/m);
  process.kill((await statusOf(luo)).pid, 'SIGKILL');
  await startedAgain(service, 2, /^started \d+ with 0$.*^ready$/ms);
});

test('a store that is too small loses what did not fit, and that is said', { skip }, async () => {
  await using luo = new Luo();
  // One journal and three of its four files. The agent misses the fourth, and the shell stays.
  const command = ['sh', '-c', `${agent} || sleep 1000`];
  const service = startService(luo, 'hold', { room: 4, command });
  await startedAgain(service, 1, /^ready$.*^ready$/ms);
  process.kill((await statusOf(luo)).pid, 'SIGKILL');
  await startedAgain(service, 2, /^started \d+ with 4$/m);
  await service.warns(/^luo: recovered "web" as generation 3: 2 sessions, 3 files, 3\.0 MiB$/m);
  await service.warns(/^luo: not recovered: token 2 of session "b": its descriptor was lost$/m);
});

test('a service manager that is not there is said, and the machine runs without it', { skip }, async () => {
  await using luo = new Luo();
  const env = { NOTIFY_SOCKET: join(luo.directory, 'none') };
  const { code, stderr } = await luo.run(['run', '--on-crash=hold', '--', 'true'], { env });
  equal(code, 125);
  match(
    stderr,
    /the service manager cannot be told \(connect to \S+none: error 2\)\. NOTIFY_SOCKET must be its socket/,
  );
});

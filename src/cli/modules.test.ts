/** Kernel modules of people: `luo run --module`, and what `luo kexec` does about them. */
import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { MachineStatus } from '../machine/control-protocol.js';
import { compile, noCompiler } from '../testing/compile.js';
import { eventually, Luo } from '../testing/luo.js';

const skip = noCompiler();
const counter = skip ? '' : compile('test/programs/eventfd.c');
const power = skip ? '' : compile('test/programs/power.c');
const eventfd = fileURLToPath(new URL('../../test/programs/eventfd.mjs', import.meta.url));
/** The address of what a module imports that refuses something. */
const api = new URL('../kernel/module.js', import.meta.url).href;

/** Writes a module into the test's directory. */
function write(luo: Luo, name: string, text: string): string {
  const path = join(luo.directory, name);
  writeFileSync(path, text);
  return path;
}

/** The module for eventfds with some of it replaced. */
function variant(luo: Luo, name: string, more: string): string {
  return write(
    luo,
    name,
    `import original from ${JSON.stringify(eventfd)};
     export default {
       name: original.name,
       init(kernel) {
         const register = (handler) => kernel.registerFileHandler({ ...handler, ${more} });
         original.init({ status: (file) => kernel.status(file), descriptors: kernel.descriptors, registerFileHandler: register });
       },
     };`,
  );
}

async function status(luo: Luo): Promise<MachineStatus> {
  const [only] = JSON.parse((await luo.run(['ps', '--json'])).stdout) as MachineStatus[];
  return only ?? assert.fail('no machine');
}

test('a file handler of a module carries an eventfd over, counter and all', { skip }, async () => {
  await using luo = new Luo();
  const elsewhere = join(luo.directory, 'elsewhere');
  mkdirSync(elsewhere);
  cpSync(eventfd, join(elsewhere, 'handler.mjs'));
  const options = ['--name', 'a', '--module', './handler.mjs'];
  const running = luo.start(['run', ...options, counter], { cwd: elsewhere });
  await running.says(/^count 1$/m);
  assert.deepEqual((await status(luo)).modules, ['eventfd']);
  assert.match((await luo.run(['ps', '--sessions'])).stdout, /token 0x1 +- +eventfd-v1 +\?$/m);
  for (const count of [2, 3]) {
    assert.equal((await luo.run(['kexec', 'a'])).code, 0);
    await running.says(new RegExp(`^count ${count}$`, 'm'));
  }
  // What nobody asks for is closed with its session.
  assert.equal((await luo.run(['kexec', 'a', '--', 'sleep', '1000'])).code, 0);
  assert.match((await luo.run(['ps', '--sessions'])).stdout, /^a +"counter" +incoming +updated +no +1 file/m);
  assert.equal((await luo.run(['stop', 'a'])).code, 0);
  await luo.nothingIsLeft();
});

test('a next kernel without the handler is refused before anything is frozen, and everything goes on', {
  skip,
}, async () => {
  await using luo = new Luo();
  const other = write(luo, 'other.mjs', "export default { name: 'other', init() {} };");
  const running = luo.start(['run', '--name', 'a', '--module', eventfd, counter]);
  await running.says(/^count 1$/m);
  for (const options of [['--no-modules'], ['--module', other]]) {
    const { code, stdout, stderr } = await luo.run(['kexec', 'a', ...options, '--', 'true']);
    assert.deepEqual([code, stdout], [125, '']);
    assert.equal(
      stderr,
      'luo: Cannot start a live update (ENOENT): Cannot hand over token 0x1 of session "counter": the next kernel has no ' +
        'file handler "eventfd-v1"; start it with what this one was started with. Nothing was frozen, and everything goes on\n',
    );
  }
  assert.match((await luo.run(['ps'])).stdout, /^a +1 +1 +1 +1 +0 B +prepared /m);
  assert.equal((await luo.run(['kexec', 'a', '--module', eventfd, '--module', other])).code, 0);
  await running.says(/^count 2$/m);
  assert.deepEqual((await status(luo)).modules, ['eventfd', 'other']);
  assert.equal((await luo.run(['stop', 'a'])).code, 0);
});

test('a module whose file has changed is loaded anew where it is named, and stays', { skip }, async () => {
  await using luo = new Luo();
  const text = (name: string) => `import original from ${JSON.stringify(eventfd)};
    export default { name: '${name}', init: (kernel) => original.init(kernel) };`;
  const file = write(luo, 'handler.mjs', text('first'));
  const running = luo.start(['run', '--name', 'a', '--module', file, counter]);
  await running.says(/^count 1$/m);
  write(luo, 'handler.mjs', text('second'));
  assert.equal((await luo.run(['kexec', 'a'])).code, 0);
  await running.says(/^count 2$/m);
  assert.deepEqual((await status(luo)).modules, ['first']);
  for (const [options, count] of [
    [['--module', file], 3],
    [[], 4],
  ] as const) {
    assert.equal((await luo.run(['kexec', 'a', ...options])).code, 0);
    await running.says(new RegExp(`^count ${count}$`, 'm'));
    assert.deepEqual((await status(luo)).modules, ['second']);
  }
  assert.equal((await luo.run(['stop', 'a'])).code, 0);
});

const noModules: ReadonlyArray<[what: string, text: string | undefined, problem: RegExp]> = [
  ['is not there', undefined, /: there is no such file\. Give the path of an ES module\n$/],
  ['throws', "\nthrow new TypeError('no way');", /: TypeError: no way, at file:\/\/\/.*\/m\.mjs:2:7\n$/],
  ['throws what is no error', "throw 'no way';", /: it threw no way\n$/],
  ['is no ES module', 'export default {', /: SyntaxError: .*\. To see where: node --check \/.*\/m\.mjs\n$/],
  ['imports what is not there', "import './none.mjs';", /: Error: Cannot find module '\/.*none\.mjs' imported from /],
  [
    'has no default export',
    "export const name = 'm';",
    /: it has no default export\. It must export a kernel module: /,
  ],
  ['exports no object', 'export default 5;', /: its default export is no object\. /],
  ['exports what has no name', 'export default { init() {} };', /: its default export has no name\. /],
  ['exports what has no init', "export default { name: 'm' };", /: its default export has no init\. /],
  [
    'exports an exit that is no function',
    "export default { name: 'm', init() {}, exit: 5 };",
    /: exit of its default export is no function\. /,
  ],
];

for (const [what, text, problem] of noModules) {
  test(`a module that ${what} is a sentence, at luo run and at luo kexec`, async () => {
    await using luo = new Luo();
    const file = text === undefined ? join(luo.directory, 'm.mjs') : write(luo, 'm.mjs', text);
    const refused = async (args: readonly string[]) => {
      const { code, stdout, stderr } = await luo.run(args);
      assert.deepEqual([code, stdout], [125, '']);
      assert.match(stderr, /^luo: Cannot load module \/.*\/m\.mjs: [^\n]*\n$/);
      assert.match(stderr, problem);
    };
    await refused(['run', '--module', file, 'echo', 'runs']);
    assert.deepEqual(luo.machines(), []);
    const running = luo.start(['run', '--name', 'a', 'sh', '-c', 'echo here; exec sleep 1000']);
    await running.says(/^here$/m);
    await refused(['kexec', 'a', '--module', file]);
    assert.match((await luo.run(['ps'])).stdout, /^a +1 +1 /m);
  });
}

test('a module that is no file, or cannot be looked at, is a sentence', async () => {
  await using luo = new Luo();
  symlinkSync('loop.mjs', join(luo.directory, 'loop.mjs'));
  for (const [file, problem] of [
    ['.', /^luo: Cannot load module \/.*: it is no file\. Give the path of an ES module\n$/],
    ['loop.mjs', /^luo: Cannot load module \/.*\/loop\.mjs: it cannot be looked at \(ELOOP\)\. Give the path of /],
  ] as const) {
    const { code, stderr } = await luo.run(['run', '--module', file, 'true']);
    assert.equal(code, 125);
    assert.match(stderr, problem);
  }
});

test('a module whose init fails keeps the machine from starting, in the background too', async () => {
  await using luo = new Luo();
  const good = write(luo, 'good.mjs', "export default { name: 'm', init() {} };");
  const init = (body: string) => `export default { name: 'm', init(kernel) { ${body} } };`;
  const handler = "kernel.registerFileHandler({ compatible: 'memfd-v1' })";
  for (const [files, problem] of [
    [
      [good, good],
      /^luo: Cannot boot the kernel \(EEXIST\): Cannot load the module "m": one of that name is loaded\n$/,
    ],
    [
      [write(luo, 'refused.mjs', init(handler))],
      /^luo: Cannot boot the kernel \(EINVAL\): init of module "m" \(\/.*\/refused\.mjs\) failed: Cannot register .*it has no canPreserve/,
    ],
    [
      [write(luo, 'bug.mjs', init('kernel.dance()'))],
      /^luo: Cannot boot the kernel \(EIO\): init of module "m" \(\/.*\/bug\.mjs\) failed: TypeError: kernel\.dance is not a function, at file:\/\/\/.*\/bug\.mjs:1:\d+\n$/,
    ],
  ] as const) {
    for (const detach of [[], ['-d']]) {
      const modules = files.flatMap((file) => ['--module', file]);
      const { code, stdout, stderr } = await luo.run(['run', ...detach, ...modules, 'echo', 'runs']);
      assert.deepEqual([code, stdout], [125, '']);
      assert.match(stderr, problem);
    }
  }
  await luo.nothingIsLeft();
});

/** A module whose init refuses when it is called for the n-th time. */
function refusingAt(luo: Luo, call: number): string {
  return write(
    luo,
    'refusing.mjs',
    `import { KernelError } from ${JSON.stringify(api)};
     let calls = 0;
     export default {
       name: 'refusing',
       init() {
         calls += 1;
         if (calls === ${call}) throw new KernelError('ENODEV', 'Cannot go on: the device is gone');
       },
     };`,
  );
}

const gone = 'init of module "refusing" \\(.*\\) failed: Cannot go on: the device is gone';

for (const [when, call, sentence] of [
  [
    'before the freeze',
    2,
    `Cannot start a live update \\(ENODEV\\): ${gone}\\. Nothing was frozen, and everything goes on`,
  ],
  [
    'after it',
    3,
    `Cannot boot the next kernel \\(ENODEV\\): ${gone}\\. The live update is cancelled; nothing was lost`,
  ],
] as const) {
  test(`a module that refuses the next kernel ${when} is the error of reboot(), and nothing has changed`, {
    skip,
  }, async () => {
    await using luo = new Luo();
    const { code, stdout, stderr } = await luo.run(['run', '--module', refusingAt(luo, call), power, 'failure']);
    assert.deepEqual([code, stdout], [0, 'refused with ENODEV\nfound it all\n']);
    assert.match(stderr, new RegExp(`^luo: ${sentence}\\nluo: kexec: generation 2, 2 sessions, 3 files, .*\\n$`));
  });
}

test('a module that refuses the kernel of a restart is the error of reboot(), and the programs go on', {
  skip,
}, async () => {
  await using luo = new Luo();
  const { code, stderr } = await luo.run(['run', '--module', refusingAt(luo, 2), power, 'restart']);
  assert.equal(code, 1, 'the program says that reboot came back');
  assert.match(stderr, new RegExp(`^luo: Cannot boot the next kernel \\(ENODEV\\): ${gone}\\nline `));
});

test('a restart loads the modules anew', { skip }, async () => {
  await using luo = new Luo();
  const { code, stdout, stderr } = await luo.run(['run', '--module', eventfd, power, 'restart']);
  assert.deepEqual([code, stdout], [0, 'again, and nothing is there\n']);
  assert.match(stderr, /^luo: restart: generation 2; [^\n]*\n$/);
});

test('a handler with a bug in freeze panics the kernel; the programs go on, and no live update is left', {
  skip,
}, async () => {
  await using luo = new Luo();
  const file = variant(luo, 'bug.mjs', "freeze() { throw new TypeError('a bug') }");
  const running = luo.start(['run', '--name', 'a', '--module', file, counter]);
  await running.says(/^count 1$/m);
  const { code, stderr } = await luo.run(['kexec', 'a']);
  assert.equal(code, 125);
  assert.match(
    stderr,
    /^luo: Cannot freeze the preserved files: TypeError: a bug, at file:\/\/\/.*\/bug\.mjs:\d+:\d+\. The kernel has panicked, and the programs go on\n$/,
  );
  await running.warns(/^luo: kernel panic in generation 1: its calls fail with EIO from now on; the programs go on\./m);
  assert.match((await luo.run(['kexec', 'a'])).stderr, /^luo: Cannot start a live update: the kernel has panicked/);
  assert.equal((await status(luo)).processes, 1);
  assert.equal((await luo.run(['stop', 'a'])).code, 0);
});

test('a handler with a bug in unfreeze panics the kernel where a live update is cancelled', { skip }, async () => {
  await using luo = new Luo();
  const file = variant(luo, 'bug.mjs', "unfreeze() { throw new TypeError('a bug') }");
  const options = ['--module', file, '--module', refusingAt(luo, 3)];
  const running = luo.start(['run', '--name', 'a', ...options, counter]);
  await running.says(/^count 1$/m);
  assert.match((await luo.run(['kexec', 'a'])).stderr, /^luo: Cannot boot the next kernel \(ENODEV\): /);
  await running.warns(/^luo: kernel panic in generation 1: /m);
  assert.equal((await luo.run(['stop', 'a'])).code, 0);
});

test('a handler that fails to tell a size costs luo ps that machine, and nothing else', { skip }, async () => {
  await using luo = new Luo();
  const file = variant(luo, 'bug.mjs', "incomingSize() { throw new TypeError('a bug') }");
  const running = luo.start(['run', '--name', 'a', '--module', file, counter]);
  await running.says(/^count 1$/m);
  assert.equal((await luo.run(['kexec', 'a', '--', 'sh', '-c', 'echo next; exec sleep 1000'])).code, 0);
  await running.says(/^next$/m);
  const { code, stderr } = await luo.run(['ps', '--sessions']);
  assert.equal(code, 0);
  assert.match(stderr, /^luo: machine "a": Cannot tell the state of the machine: TypeError: a bug, at /);
  assert.equal((await luo.run(['stop', 'a'])).code, 0);
});

test('a module whose exit fails is told of, and the live update happens', async () => {
  await using luo = new Luo();
  const text = "export default { name: 'm', init() {}, exit() { throw new TypeError('a bug') } };";
  const options = ['--name', 'a', '--module', write(luo, 'm.mjs', text)];
  const running = luo.start(['run', ...options, 'sh', '-c', 'echo here; exec sleep 1000']);
  await running.says(/^here$/m);
  assert.equal((await luo.run(['kexec', 'a'])).code, 0);
  await running.warns(/^luo: kernel: exit of module "m" \(\/.*\) failed: TypeError: a bug, at file:/m);
  await running.warns(/^luo: kexec: generation 2, /m);
  assert.equal((await luo.run(['stop', 'a'])).code, 0);
});

test('a module may take its time to load, and programs are served meanwhile', { skip }, async () => {
  await using luo = new Luo();
  const slow = write(
    luo,
    'slow.mjs',
    "await new Promise((done) => setTimeout(done, 300)); export default { name: 'slow', init() {} };",
  );
  const running = luo.start(['run', '--name', 'a', '--module', slow, 'sh', '-c', 'echo here; exec sleep 1000']);
  await running.says(/^here$/m);
  writeFileSync(
    slow,
    "await new Promise((done) => setTimeout(done, 300)); export default { name: 'slower', init() {} };",
  );
  assert.equal((await luo.run(['kexec', 'a', '--module', slow])).code, 0);
  assert.deepEqual((await status(luo)).modules, ['slower']);
  assert.equal((await luo.run(['stop', 'a'])).code, 0);
});

test('a machine whose module never ends loading is seen, takes no live update, and can be stopped', async () => {
  await using luo = new Luo();
  const file = write(luo, 'never.mjs', 'await new Promise(() => {}); export default {};');
  const running = luo.start(['run', '--name', 'a', '--module', file, 'true']);
  while (luo.machines().length === 0) await luo.run(['ps']);
  assert.match((await luo.run(['ps'])).stdout, /^a +0 /m);
  assert.match((await luo.run(['kexec', 'a'])).stderr, /^luo: Cannot start a live update: another one is under way/);
  assert.equal((await luo.run(['stop', 'a'])).code, 0);
  const { code, stderr } = await running.result;
  assert.deepEqual([code, stderr], [128 + 15, 'luo: Cannot start "true": SIGTERM came first\n']);
  await luo.nothingIsLeft();
});

test('a module that never ends loading keeps nobody else from a live update, nor the machine from its end', {
  skip,
}, async () => {
  await using luo = new Luo();
  const running = luo.start(['run', '--name', 'a', 'sh', '-c', 'echo here; exec sleep 1000']);
  await running.says(/^here$/m);
  const mark = join(luo.directory, 'loading');
  const text = `import { writeFileSync } from 'node:fs'; writeFileSync('${mark}', ''); await new Promise(() => {});`;
  const waiting = luo.start(['kexec', 'a', '--module', write(luo, 'never.mjs', text)]);
  await eventually('the module is loading', () => existsSync(mark) || undefined);
  assert.equal((await luo.run(['kexec', 'a'])).code, 0);
  await running.says(/^here\nhere$/m);
  assert.equal((await luo.run(['stop', 'a'])).code, 0);
  const { code, stderr } = await waiting.result;
  assert.equal(code, 125);
  assert.match(stderr, /^luo: Machine "a" ended during the live update: /);
});

test('an init that is async is refused, and nothing else ends with it', { skip }, async () => {
  await using luo = new Luo();
  const file = write(
    luo,
    'async.mjs',
    "export default { name: 'late', async init() { throw new Error('too late'); } };",
  );
  await luo.run(['run', '-d', '--name', 'a', 'sleep', '1000']);
  const { code, stderr } = await luo.run(['kexec', 'a', '--module', file]);
  assert.equal(code, 125);
  assert.match(stderr, /init returned a promise, and the kernel does not wait: it must not be async/);
  assert.match(stderr, /Nothing was frozen, and everything goes on$/m);
  assert.match((await luo.run(['ps'])).stdout, /^a +1 /m);
  assert.equal((await luo.run(['stop', 'a'])).code, 0);
});

test('what a module throws outside of its callbacks is reported, and everything goes on', { skip }, async () => {
  await using luo = new Luo();
  const file = write(
    luo,
    'stray.mjs',
    `let strays = 0;
    export default { name: 'stray', init() {
      if (strays++ > 0) return;
      setTimeout(() => { throw new Error('from a timer'); }, 1);
      Promise.reject(new Error('from a promise'));
    } };`,
  );
  const running = luo.start(['run', '--name', 'a', '--module', file, 'sleep', '1000']);
  for (const what of ['timer', 'promise']) {
    const said = `luo: nobody caught an exception; a kernel module may have left it behind: Error: from a ${what}`;
    await eventually(what, async () => {
      // A machine that waits for its programs looks at timers when something wakes it.
      await luo.run(['ps']);
      return running.stderr.includes(said) || undefined;
    });
  }
  assert.equal((await luo.run(['kexec', 'a'])).code, 0);
  assert.equal((await luo.run(['stop', 'a'])).code, 0);
});

test('a live update does not happen once nobody waits for it', { skip }, async () => {
  await using luo = new Luo();
  const gate = join(luo.directory, 'gate');
  const file = write(
    luo,
    'slow.mjs',
    `import { existsSync, writeFileSync } from 'node:fs';
    writeFileSync(${JSON.stringify(`${gate}.loading`)}, '');
    while (!existsSync(${JSON.stringify(gate)})) await new Promise((resolve) => setTimeout(resolve, 10));
    writeFileSync(${JSON.stringify(`${gate}.loaded`)}, '');
    export default { name: 'slow', init() {} };`,
  );
  await luo.run(['run', '-d', '--name', 'a', 'sleep', '1000']);
  const asking = luo.start(['kexec', 'a', '--module', file]);
  await eventually('the module is being loaded', () => existsSync(`${gate}.loading`) || undefined);
  asking.child.kill('SIGINT');
  await asking.result;
  // It answers, so it has seen that nobody waits.
  await luo.run(['ps']);
  writeFileSync(gate, '');
  // Timers of a module go on when something wakes the machine.
  await eventually('the module is loaded', async () => {
    assert.match((await luo.run(['ps'])).stdout, /^a +1 /m);
    return existsSync(`${gate}.loaded`) || undefined;
  });
  assert.match((await luo.run(['ps'])).stdout, /^a +1 /m);
  assert.equal((await luo.run(['stop', 'a'])).code, 0);
});

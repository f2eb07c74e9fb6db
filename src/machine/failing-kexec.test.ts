import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { compile, noCompiler } from '../testing/compile.js';
import { Luo } from '../testing/luo.js';

const skip = noCompiler();
const machine = fileURLToPath(new URL('./failing-kexec.test.child.js', import.meta.url));

for (const [title, step, sentence] of [
  [
    'a live update whose next kernel does not boot is cancelled, and a later one takes over everything',
    'boot',
    /^luo: Cannot boot the next kernel \(EINVAL\): Cannot read the handover: .*\. The live update is cancelled; nothing was lost$/m,
  ],
  [
    'a live update for which the host has no descriptors is cancelled, and a later one takes over everything',
    'descriptors',
    /^luo: Cannot serve the next generation: .*epoll_create1.*\. The live update is cancelled; nothing was lost$/m,
  ],
] as const) {
  test(title, { skip }, async () => {
    await using luo = new Luo();
    const power = compile('test/programs/power.c');
    const running = luo.startCommand([process.execPath, machine, step, luo.directory, power, 'failure']);
    const { code, stdout, stderr } = await running.result;
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^refused with E\w+\nfound it all\n$/);
    assert.match(stderr, sentence);
    assert.match(stderr, /^luo: kexec: generation 2, 2 sessions, 3 files/m);
    assert.deepEqual(luo.processes(), []);
  });
}

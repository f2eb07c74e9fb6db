/**
 * A machine whose first live update fails when all files are frozen, in a process of its own:
 *
 *     node failing-kexec.test.child.js boot|descriptors DIRECTORY COMMAND...
 *
 * `boot`: the next kernel cannot make use of what it is handed. `descriptors`: the host gives no more of them once that
 * kernel has booted.
 */
import { becomeSubreaper, descriptorLimits, setDescriptorLimit } from '../host/processes.js';
import { KernelError } from '../kernel/error.js';
import { Kernel } from '../kernel/kernel.js';
import { Machine } from './machine.js';

const [, , step = '', directory = '', ...argv] = process.argv;
const boot = Kernel.boot;
let boots = 0;

Kernel.boot = (...options) => {
  boots += 1;
  const kernel = boot(...options);
  if (boots !== 2) return kernel;
  // As late as a boot can fail: what this kernel did with the RAM, the one before it must live with.
  if (step === 'boot') throw new KernelError('EINVAL', 'Cannot read the handover: a test says so');
  const { soft } = descriptorLimits(0) ?? { soft: 0n };
  setDescriptorLimit(3n);
  // The step fails, and everything after it is asked of an ordinary host again.
  queueMicrotask(() => setDescriptorLimit(soft));
  return kernel;
};

becomeSubreaper();
const command = {
  argv,
  env: [`PATH=${process.env['PATH']}`],
  cwd: process.cwd(),
};
const machine = new Machine(
  {
    name: 'failing',
    directory,
    command,
    profile: 'linux',
    strict: false,
    detached: true,
  },
  { begun() {}, started() {} },
);
const { code, failure } = await machine.run();
if (failure !== undefined) console.error(failure);
process.exit(code ?? 1);

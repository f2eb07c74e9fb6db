/** Whether the next kernel can read what this one would hand over. Linux finds out after the kexec, and panics. */
import { KernelError } from './error.js';
import type { Hardware } from './hardware.js';
import { assembleWithModules } from './modules.js';
import type { KernelOptions, Parts } from './parts.js';

/**
 * Checks, before anything is frozen, that a kernel with these options reads all that is preserved: the formats, the
 * kinds of files, and the FLBs. For that it makes one, with all its modules, on memory of its own.
 *
 * @throws KernelError EOPNOTSUPP for a format, ENOENT for a file handler or an FLB that it does not have, and what its
 * modules say
 */
export function checkNext({ liveUpdate, hardware }: Parts, options: KernelOptions): void {
  const next = assembleWithModules(detached(hardware), options);
  try {
    const { rules, handlers } = next.parts.liveUpdate.parts;
    const { wireFormat } = liveUpdate.parts.rules;
    if (!rules.readsWireFormats.includes(wireFormat)) {
      throw new KernelError(
        'EOPNOTSUPP',
        `Cannot hand over to the next kernel: it reads ${rules.readsWireFormats.join(' and ')}, and this one writes ${wireFormat}`,
      );
    }
    for (const { name, outgoing: files } of liveUpdate.outgoing.all) {
      for (const { token, registered } of files.all) {
        const { compatible } = registered.handler;
        if (handlers.named(compatible) !== undefined) continue;
        throw new KernelError(
          'ENOENT',
          `Cannot hand over token 0x${token.toString(16)} of session ${name}: the next kernel has no file handler "${compatible}"; start it with what this one was started with`,
        );
      }
    }
    checkFlbs(
      liveUpdate.flbs.records,
      new Set([...next.parts.liveUpdate.flbs.all].map(({ compatible }) => compatible)),
    );
  } finally {
    next.modules.end();
  }
}

function checkFlbs(records: readonly { readonly compatible: string }[], known: ReadonlySet<string>): void {
  for (const { compatible } of records) {
    if (known.has(compatible)) continue;
    throw new KernelError(
      'ENOENT',
      `Cannot hand over the FLB "${compatible}": no file handler of the next kernel depends on one of that name`,
    );
  }
}

/** The same host, with as much memory, of its own, and nothing to say. What is not written to takes none of the host. */
function detached({ ram, files }: Hardware): Hardware {
  return { ram: new Uint8Array(ram.length), files, log: () => undefined };
}

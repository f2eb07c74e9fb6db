/** A kernel that takes the place of one in another process: programs cannot tell it from that. */
import type { Descriptor, Hardware } from './hardware.js';
import { Kernel, type KernelOptions } from './kernel.js';
import type { SavedFile, SavedIncomingFile, SavedKernel, SavedSession } from './liveupdate/saved.js';

/**
 * Boots a kernel and brings it to where another one was. What the last kernel left passes a live update once more, from
 * a kernel that stands in for it on the same RAM. The descriptors belong to the kernel that this returns.
 *
 * @param duplicate a second descriptor of the same open file
 * @throws KernelError of a file that is refused, and what a module says
 */
export function resumeKernel(
  hardware: Hardware,
  options: KernelOptions,
  { number, sessions: saved }: SavedKernel,
  duplicate: (descriptor: Descriptor) => Descriptor,
): Kernel {
  const sessions = withOwnDescriptors(saved, duplicate);
  if (number === 0n) {
    const kernel = Kernel.boot(hardware, options);
    kernel.resumeSessions(sessions);
    return kernel;
  }
  // Nobody watches it, and nothing is made to fail in it.
  const { ram, files, log } = hardware;
  const last = Kernel.boot({ ram, files, log: log.bind(hardware) }, options, undefined, number - 1n);
  for (const { type, name, incoming } of sessions) {
    if (type === 'incoming') last.preserveInSession(name, incoming.map(toPreserve));
  }
  const kernel = Kernel.boot(hardware, options, last.reboot());
  last.shutdown();
  kernel.resumeSessions(sessions);
  return kernel;

  /** A file that was retrieved is two: the one that is retrieved again, and the one that programs have. */
  function toPreserve({ token, descriptor, outcome }: SavedIncomingFile) {
    const isRetrieved = outcome !== undefined && 'size' in outcome;
    return { token, descriptor: isRetrieved ? duplicate(descriptor) : descriptor };
  }
}

/** One open file may be in several sessions of the v5 series: each of them gets a descriptor that it can close. */
function withOwnDescriptors(
  sessions: readonly SavedSession[],
  duplicate: (descriptor: Descriptor) => Descriptor,
): SavedSession[] {
  const taken = new Set<Descriptor>();
  const own = <File extends SavedFile>(file: File): File => {
    if (taken.has(file.descriptor)) return { ...file, descriptor: duplicate(file.descriptor) };
    taken.add(file.descriptor);
    return file;
  };
  return sessions.map((session) => ({
    ...session,
    outgoing: session.outgoing.map(own),
    incoming: session.incoming.map(own),
  }));
}

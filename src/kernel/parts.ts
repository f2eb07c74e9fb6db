/** How a kernel is put together. */
import { type File, HostFile, OpenFiles } from './fs/file.js';
import { describeUnhandled, passedKinds } from './fs/passed-kinds.js';
import { PreservedDescriptors } from './fs/preserved-descriptors.js';
import type { Descriptor, FileHardware, Handover, Hardware } from './hardware.js';
import { Kho } from './kho/kho.js';
import { PhysicalMemory } from './kho/memory.js';
import { LUO_SUBTREE, type OutgoingState } from './liveupdate/abi.js';
import { LiveUpdate } from './liveupdate/core.js';
import { LiveUpdateDevice } from './liveupdate/device.js';
import { FileHandlers } from './liveupdate/handlers.js';
import { type Profile, rulesOf } from './liveupdate/profile.js';
import { TakenFiles } from './liveupdate/taken-files.js';
import { openState, writeState } from './liveupdate/wire/formats.js';
import { MemfdHandler } from './mm/memfd.js';
import { memfdFormats } from './mm/memfd-formats.js';
import type { MemoryManagement } from './mm/memory-management.js';
import { Regions } from './mm/region.js';
import { ShmemInodes } from './mm/shmem.js';
import type { KernelModule } from './module.js';
import { Ttys } from './tty/ttys.js';

/** Kinds of files that luo can preserve and Linux cannot: each is asked for by name. */
export const preservable = ['hugetlb', 'ttys', ...passedKinds] as const;
export type Preservable = (typeof preservable)[number];

export interface KernelOptions {
  readonly profile: Profile;
  /** Whether files come back just as Linux makes them, even where that takes a copy of their content. */
  readonly strict?: boolean;
  /** Whether there are the ioctls that no Linux has. */
  readonly extend?: boolean;
  /** Kinds of files beside those that Linux preserves. */
  readonly preserve?: readonly Preservable[];
  /** Loaded in their order. */
  readonly modules?: readonly KernelModule[];
}

/** Everything that one generation has. Two generations share none of it. */
export interface Parts {
  readonly hardware: Hardware;
  readonly files: OpenFiles;
  readonly kho: Kho;
  readonly mm: MemoryManagement;
  readonly inodes: ShmemInodes;
  readonly regions: Regions;
  readonly descriptors: PreservedDescriptors;
  readonly handlers: FileHandlers;
  readonly outgoing: OutgoingState;
  readonly liveUpdate: LiveUpdate;
  readonly device: LiveUpdateDevice;
  readonly ttys: Ttys;
}

/**
 * @param number how many live updates count as having come before, where nothing is handed over
 * @throws KernelError EINVAL where the handover is corrupt, ENOMEM
 */
export function assemble(
  hardware: Hardware,
  options: KernelOptions,
  handover: Handover | undefined,
  number = 0n,
): Parts {
  const rules = rulesOf(options.profile);
  const kho = handover ? Kho.boot(hardware.ram, handover.root) : new Kho(new PhysicalMemory(hardware.ram));
  kho.memory.onAllocate = (pages) => hardware.visit?.({ kind: 'allocate', pages });
  kho.tracer = hardware.tracer;
  const files = new OpenFiles();
  const regions = new Regions(kho.memory.pages);
  const descriptors = new PreservedDescriptors();
  const open = opener(files, hardware.files);
  regions.adopt((handover?.regions ?? []).map(({ descriptor, ...region }) => ({ ...region, file: open(descriptor) })));
  const tree = kho.subtree(LUO_SUBTREE);
  const lastState = tree === undefined ? undefined : openState(kho, rules, tree);
  const outgoing = writeState(kho, rules, (lastState?.number ?? number) + 1n);
  const inodes = new ShmemInodes(hardware.files, rules);
  const handlers = new FileHandlers();
  const mm = { kho, hardware: hardware.files, files, inodes, regions, rules, strict: options.strict ?? false };
  for (const name of rules.readsMemfdFormats) {
    handlers.register(new MemfdHandler(mm, memfdFormats[name], name === rules.memfdFormat));
  }
  const log: Hardware['log'] = (level, message) => hardware.log(level, message);
  const kindOf = (file: File) =>
    file instanceof HostFile ? describeUnhandled(hardware.files.status(file.descriptor)) : file.description;
  const liveUpdate = new LiveUpdate(
    { rules, handlers, taken: new TakenFiles(), onlookers: hardware, kindOf, log },
    outgoing,
    lastState,
  );
  const device = new LiveUpdateDevice(files, liveUpdate, options.extend ?? false);
  // Nothing can fail from here on: before this, the descriptors are the caller's.
  descriptors.adopt((handover?.descriptors ?? []).map(({ entry, descriptor }) => ({ entry, file: open(descriptor) })));
  const ttys = new Ttys(hardware.serial?.ports ?? []);
  return { hardware, files, kho, mm, inodes, regions, descriptors, handlers, outgoing, liveUpdate, device, ttys };
}

/**
 * Opens what the last kernel handed over: one file for each descriptor, however many regions and entries it has. It is
 * closed with the last of them.
 */
function opener(files: OpenFiles, hardware: FileHardware): (descriptor: Descriptor) => HostFile {
  const byDescriptor = new Map<Descriptor, HostFile>();
  return (descriptor) => {
    const file = byDescriptor.get(descriptor)?.get() ?? new HostFile(files, hardware, descriptor);
    byDescriptor.set(descriptor, file);
    return file;
  };
}

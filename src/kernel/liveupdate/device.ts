import { iocNr } from '../../uapi/ioctl.js';
import {
  decodeSessionArguments,
  encodeSessionArguments,
  LIVEUPDATE_DEVICE,
  LIVEUPDATE_IOCTL_CREATE_SESSION,
  LIVEUPDATE_IOCTL_RETRIEVE_SESSION,
  LiveupdateSize,
} from '../../uapi/liveupdate.js';
import { KernelError } from '../error.js';
import { File, type OpenFiles, type Task } from '../fs/file.js';
import type { UserAddress } from '../hardware.js';
import type { LiveUpdate } from './core.js';
import { deviceExtensions, sessionExtensions } from './extensions.js';
import { type Call, type Command, giveDescriptor, type Opening, runCommand } from './ioctl.js';
import type { Session } from './session.js';
import { SessionFile, sessionCommands } from './session-file.js';

/** `/dev/liveupdate`. One open file at a time (patch 07 of the v5 series). */
export class LiveUpdateDevice {
  readonly #files: OpenFiles;
  readonly #liveUpdate: LiveUpdate;
  readonly #commands: readonly Command<LiveUpdateDevice>[];
  readonly #extensions: readonly Command<LiveUpdate>[];
  readonly #sessionCommands: readonly Command<Session>[];
  #inUse = false;

  /** @param extend whether there are the commands that no Linux has */
  constructor(files: OpenFiles, liveUpdate: LiveUpdate, extend: boolean) {
    this.#files = files;
    this.#liveUpdate = liveUpdate;
    const { createSize, createSizeOfOldPrograms } = liveUpdate.parts.rules;
    this.#extensions = extend ? deviceExtensions : [];
    const common = sessionCommands(liveUpdate.parts.rules);
    this.#sessionCommands = extend ? [...common, ...sessionExtensions] : common;
    this.#commands = [
      {
        command: LIVEUPDATE_IOCTL_CREATE_SESSION,
        size: createSize,
        minimum: createSize,
        oldSize: createSizeOfOldPrograms,
        run: (device, call) => device.#give(call, (name) => device.#create(name)),
      },
      {
        command: LIVEUPDATE_IOCTL_RETRIEVE_SESSION,
        size: LiveupdateSize.retrieveSession,
        minimum: LiveupdateSize.retrieveSession,
        run: (device, call) => device.#give(call, (name) => device.#retrieve(name)),
      },
    ];
  }

  /**
   * Opens the device. The first time, the sessions that the last kernel left are read.
   *
   * @throws KernelError EBUSY while it is open, EIO on Linux 7.3 where those sessions cannot be read
   */
  open(): File {
    if (this.#inUse) throw new KernelError('EBUSY', `Cannot open ${LIVEUPDATE_DEVICE}: it is open already`);
    this.#readLastKernel();
    this.#inUse = true;
    return new DeviceFile(this.#files, this);
  }

  ioctl(command: number, argument: UserAddress, task: Task): number {
    if (this.#extensions.some((one) => iocNr(one.command) === iocNr(command))) {
      return runCommand(this.#extensions, this.#liveUpdate, command, argument, task);
    }
    return runCommand(this.#commands, this, command, argument, task);
  }

  /** The file of a session that programs have descriptors of already. */
  openSession(session: Session): File {
    return this.#sessionFile(session);
  }

  close(): void {
    this.#inUse = false;
  }

  #readLastKernel(): void {
    try {
      this.#liveUpdate.incoming();
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      if (!this.#liveUpdate.parts.rules.reportsUnreadableHandover) return;
      throw new KernelError(
        'EIO',
        `Cannot open ${LIVEUPDATE_DEVICE}: what the last kernel left cannot be read: ${error.message}`,
      );
    }
  }

  #give(call: Call, open: (name: Uint8Array) => Opening): void {
    const args = decodeSessionArguments(call.bytes);
    giveDescriptor(
      call,
      () => open(args.name),
      (fd) => encodeSessionArguments({ ...args, fd }),
    );
  }

  /** A session that did not reach the program is gone. */
  #create(name: Uint8Array): Opening {
    return { file: this.#sessionFile(this.#liveUpdate.createSession(name)) };
  }

  /** A session that did not reach the program for want of a descriptor can be asked for again. */
  #retrieve(name: Uint8Array): Opening {
    const file = this.#sessionFile(this.#liveUpdate.retrieveSession(name));
    return { file, undo: () => file.takeBack() };
  }

  #sessionFile(session: Session): SessionFile {
    return new SessionFile(this.#files, this.#liveUpdate, this.#sessionCommands, session);
  }
}

class DeviceFile extends File {
  readonly description = LIVEUPDATE_DEVICE;
  readonly #device: LiveUpdateDevice;

  constructor(files: OpenFiles, device: LiveUpdateDevice) {
    super(files);
    this.#device = device;
  }

  override ioctl(command: number, argument: UserAddress, task: Task): number {
    return this.#device.ioctl(command, argument, task);
  }

  protected override release(): void {
    this.#device.close();
  }
}

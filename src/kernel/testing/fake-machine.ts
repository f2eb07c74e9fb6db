import {
  decodeFileArguments,
  decodeGetNameArguments,
  decodeSessionArguments,
  encodeFileArguments,
  encodeFinishArguments,
  encodeGetNameArguments,
  encodeSessionArguments,
  LIVEUPDATE_IOCTL_CREATE_SESSION,
  LIVEUPDATE_IOCTL_RETRIEVE_SESSION,
  LIVEUPDATE_SESSION_FINISH,
  LIVEUPDATE_SESSION_GET_NAME,
  LIVEUPDATE_SESSION_PRESERVE_FD,
  LIVEUPDATE_SESSION_RETRIEVE_FD,
  LiveupdateSize,
} from '../../uapi/liveupdate.js';
import {
  decodeWordArguments,
  encodeUnpreserveArguments,
  encodeWordArguments,
  LUO_SESSION_SET_EVENT,
  LUO_SESSION_UNPRESERVE_FD,
  LUO_UNPRESERVE_SIZE,
  LUO_WORD_SIZE,
  LuoEvent,
} from '../../uapi/liveupdate-extensions.js';
import type { Handover } from '../hardware.js';
import { Kernel, type KernelOptions } from '../kernel.js';
import type { Tracer } from '../step.js';
import { PAGE_SIZE } from '../units.js';
import { FakeHardware } from './fake-hardware.js';
import { type FakeFileOptions, FakeHost } from './fake-host.js';
import { FakeTask } from './fake-task.js';

export interface FakeMachineOptions extends Partial<KernelOptions> {
  /** RAM in pages. */
  readonly pages?: number;
  /** What holds the files. */
  readonly host?: FakeHost;
  readonly tracer?: Tracer | undefined;
}

/** A machine with one program, for tests: the ioctls as a program makes them, and kexec. */
export class FakeMachine {
  hardware: FakeHardware;
  kernel: Kernel;
  task: FakeTask;
  #options: KernelOptions;

  constructor({ pages = 256, host = new FakeHost(), tracer, profile = 'linux', ...others }: FakeMachineOptions = {}) {
    this.#options = { profile, ...others };
    this.hardware = new FakeHardware(new Uint8Array(pages * PAGE_SIZE), host, tracer);
    this.kernel = Kernel.boot(this.hardware, this.#options);
    this.task = new FakeTask(this.kernel, this.hardware.files);
  }

  get host() {
    return this.hardware.files;
  }

  get isV5(): boolean {
    return this.#options.profile === 'v5';
  }

  openDevice(): number {
    const file = this.kernel.openDevice();
    try {
      return this.task.install(file);
    } finally {
      file.put();
    }
  }

  /** An open file of the host with content, as a descriptor of the program. */
  memfd(content = '', options: FakeFileOptions = {}): number {
    const descriptor = this.host.file(options);
    this.host.write(descriptor, 0, new TextEncoder().encode(content));
    return this.task.open(descriptor);
  }

  /** All of a file's content as text. */
  content(fd: number): string {
    const descriptor = this.task.descriptorAt(fd);
    return new TextDecoder().decode(this.host.read(descriptor, 0, Number(this.host.status(descriptor).size)));
  }

  create(device: number, name: string | Uint8Array): number {
    const size = this.isV5 ? LiveupdateSize.createSessionV5 : LiveupdateSize.createSession;
    return this.#sessionCall(device, LIVEUPDATE_IOCTL_CREATE_SESSION, size, name);
  }

  retrieve(device: number, name: string | Uint8Array): number {
    return this.#sessionCall(device, LIVEUPDATE_IOCTL_RETRIEVE_SESSION, LiveupdateSize.retrieveSession, name);
  }

  preserve(session: number, fd: number, token: bigint): void {
    this.call(session, LIVEUPDATE_SESSION_PRESERVE_FD, encodeFileArguments({ size: LiveupdateSize.file, fd, token }));
  }

  retrieveFd(session: number, token: bigint): number {
    const given = encodeFileArguments({ size: LiveupdateSize.file, fd: -7, token });
    return decodeFileArguments(this.call(session, LIVEUPDATE_SESSION_RETRIEVE_FD, given)).fd;
  }

  finish(session: number): void {
    this.call(session, LIVEUPDATE_SESSION_FINISH, encodeFinishArguments({ size: LiveupdateSize.finish, reserved: 0 }));
  }

  getName(session: number): Uint8Array {
    const given = encodeGetNameArguments({ size: LiveupdateSize.getName, reserved: 0, name: new Uint8Array(64) });
    return decodeGetNameArguments(this.call(session, LIVEUPDATE_SESSION_GET_NAME, given)).name;
  }

  /** One of luo's own commands that answer with a state, by its number. */
  getState(fd: number, command: number): number {
    return decodeWordArguments(this.call(fd, command, encodeWordArguments({ size: LUO_WORD_SIZE, word: 0 }))).word;
  }

  setEvent(session: number, event: keyof typeof LuoEvent): void {
    this.call(session, LUO_SESSION_SET_EVENT, encodeWordArguments({ size: LUO_WORD_SIZE, word: LuoEvent[event] }));
  }

  unpreserve(session: number, token: bigint): void {
    const given = encodeUnpreserveArguments({ size: LUO_UNPRESERVE_SIZE, reserved: 0, token });
    this.call(session, LUO_SESSION_UNPRESERVE_FD, given);
  }

  /** An ioctl with a structure in memory that can be written. Returns the structure as the kernel left it. */
  call(fd: number, command: number, given: Uint8Array): Uint8Array {
    const { task } = this;
    const address = task.memory.put(given);
    try {
      this.kernel.ioctl(task.fileAt(fd), command, address, task);
      return task.memory.read(address, given.length);
    } finally {
      task.memory.unmap(address);
    }
  }

  /** The way of a kexec: freeze, end of all programs, end of the kernel, next kernel on a copy of the RAM. */
  kexec(options: Partial<KernelOptions> = {}): void {
    const handover = this.kernel.reboot();
    this.endGeneration();
    this.hardware = this.hardware.afterKexec();
    this.boot(handover, options);
  }

  /** Ends all programs and the kernel. What is handed over stays open. */
  endGeneration(): void {
    this.kernel.shutdown();
    this.task.closeAll();
  }

  boot(handover: Handover, options: Partial<KernelOptions> = {}): void {
    this.#options = { ...this.#options, ...options };
    this.kernel = Kernel.boot(this.hardware, this.#options, handover);
    this.task = new FakeTask(this.kernel, this.hardware.files);
  }

  #sessionCall(device: number, command: number, size: number, name: string | Uint8Array): number {
    const field = new Uint8Array(size - 8);
    field.set(typeof name === 'string' ? new TextEncoder().encode(name) : name);
    return decodeSessionArguments(this.call(device, command, encodeSessionArguments({ size, fd: -7, name: field }))).fd;
  }
}

/** What is still held after the programs are gone: [] for a kernel without leaks. Ends the generation. */
export function leftovers(machine: FakeMachine): string[] {
  machine.task.closeAll();
  const leaks = machine.kernel.leaks();
  machine.kernel.shutdown();
  return [...leaks, ...machine.host.open.map((descriptor) => `descriptor ${descriptor} of the host`)];
}

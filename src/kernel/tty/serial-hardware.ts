/** Serial ports, as drivers see them: what a machine has of them, real or emulated. Nothing here knows a tty. */

/** The registers of a 16550, by their offset from its base. */
export interface UartRegisters {
  read(offset: number): number;
  write(offset: number, value: number): void;
}

/** The control endpoint of a USB device, for the requests of its class. */
export interface UsbControl {
  /** A request from the host to the device. */
  send(request: number, value: number, data?: Uint8Array): void;
  /** A request whose answer the device gives. A device need not know it: undefined then. */
  receive(request: number, length: number): Uint8Array | undefined;
}

/** What feeds a port. Without power a port keeps nothing, and its outputs are low. */
export interface PowerSupply {
  readonly isOn: boolean;
  set(on: boolean): void;
}

/** What every port of a machine has, whatever its driver. */
export interface PortHardware {
  /** The name of its tty, such as `ttyS0`. */
  readonly name: string;
  /**
   * Puts bytes on the wire, and takes as long as that takes at the speed of the port, in the time of the hardware. The
   * bits of a byte and their number are the caller's affair.
   *
   * @param bitTime of one bit, in microseconds
   */
  transmit(bytes: Uint8Array, bitTime: number, bitsPerByte: number): void;
  /** Holds the wire at a break, or ends it. */
  setBreak(on: boolean): void;
  /** Waits, in the time of the hardware: as a driver does that keeps a line for some microseconds. */
  delay(microseconds: number): void;
}

/** A 16550 on a bus of the machine: all its lines can be read back. */
export interface Uart8250Port extends PortHardware {
  readonly driver: '8250';
  readonly registers: UartRegisters;
  /** Whether the RTS line drives an RS-485 transceiver that the driver can handle. */
  readonly transceiver: boolean;
}

/** A USB device of the communications class: DTR and RTS are told to it, and cannot be asked for. */
export interface CdcAcmPort extends PortHardware {
  readonly driver: 'cdc-acm';
  readonly control: UsbControl;
  /** The modem inputs that the device has told of, as TIOCM_* bits. */
  readonly inputs: () => number;
}

/** A USB converter. The bus takes its power while nobody has it open, and it forgets its lines by that. */
export interface UsbConverterPort extends PortHardware {
  readonly driver: 'usb-serial';
  readonly power: PowerSupply;
  /** Sets both outputs by one message. */
  setLines(dtr: boolean, rts: boolean): void;
  setLineCoding(speed: number, controlFlags: number): void;
  readonly inputs: () => number;
}

/** A UART whose power is off while nobody needs it, on a battery. */
export interface PowerGatedPort extends PortHardware {
  readonly driver: 'power-gated';
  readonly power: PowerSupply;
  readonly registers: UartRegisters;
}

/** A UART whose enable input is wired to DTR and RTS: it cannot be opened without asserting both. */
export interface WiredEnablePort extends PortHardware {
  readonly driver: 'wired-enable';
  enable(on: boolean): void;
  readonly inputs: () => number;
}

export type SerialPort = Uart8250Port | CdcAcmPort | UsbConverterPort | PowerGatedPort | WiredEnablePort;
export type SerialDriverName = SerialPort['driver'];

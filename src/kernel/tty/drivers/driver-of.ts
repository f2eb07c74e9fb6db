import type { TtyDriver } from '../driver.js';
import type { SerialPort } from '../serial-hardware.js';
import { CdcAcmDriver } from './cdc-acm.js';
import { PowerGatedDriver } from './power-gated.js';
import { Uart8250Driver } from './uart-8250.js';
import { UsbSerialDriver } from './usb-serial.js';
import { WiredEnableDriver } from './wired-enable.js';

/** The driver that binds to a port. */
export function driverOf(port: SerialPort): TtyDriver {
  switch (port.driver) {
    case '8250':
      return new Uart8250Driver(port);
    case 'cdc-acm':
      return new CdcAcmDriver(port);
    case 'usb-serial':
      return new UsbSerialDriver(port);
    case 'power-gated':
      return new PowerGatedDriver(port);
    case 'wired-enable':
      return new WiredEnableDriver(port);
  }
}

/** The serial ports of this computer, as sysfs shows them: nothing is opened. */
import { existsSync, readdirSync, readFileSync, readlinkSync, realpathSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** A serial port. What is not known is undefined. */
export interface PortFile {
  readonly path: string;
  /** The device number, `MAJOR-MINOR`. */
  readonly key: string;
  /** The name of the driver that knows the hardware. */
  readonly driver: string | undefined;
  readonly usb: UsbDevice | undefined;
  /** A name in /dev/serial/by-id that stays the device's own, wherever it is plugged in. */
  readonly id: string | undefined;
}

export interface UsbDevice {
  /** Four hexadecimal digits. */
  readonly vendorId: string | undefined;
  readonly productId: string | undefined;
  readonly manufacturer: string | undefined;
  readonly product: string | undefined;
  readonly serialNumber: string | undefined;
  /** Where it is plugged in, such as `1-1.4`. */
  readonly location: string;
}

/** Of the layers of the kernel between a terminal and its hardware, which are no drivers of it. */
const LAYERS = ['port', 'ctrl'];

/** All that have hardware, by path. */
export function portFiles(classes = '/sys/class/tty', devices = '/dev'): PortFile[] {
  const ids = idsIn(join(devices, 'serial/by-id'));
  return names(classes)
    .filter((name) => existsSync(join(classes, name, 'device')) && textOf(join(classes, name, 'type')) !== '0')
    .flatMap((name) =>
      deviceBehind(join(classes, name, 'device')).map((device) => {
        const path = join(devices, name);
        return {
          path,
          key: (textOf(join(classes, name, 'dev')) ?? '').replace(':', '-'),
          driver: driverOf(device),
          usb: usbDeviceOf(device),
          id: ids.get(path),
        };
      }),
    )
    .sort((a, b) => a.path.localeCompare(b.path, 'en', { numeric: true }));
}

function driverOf(device: string): string | undefined {
  return ancestors(device)
    .map((path) => linkName(join(path, 'driver')))
    .find((name) => name !== undefined && !LAYERS.includes(name));
}

/** The first directory upwards that is a device of USB, and no interface of one. */
function usbDeviceOf(device: string): UsbDevice | undefined {
  const path = ancestors(device).find((one) => existsSync(join(one, 'idVendor')));
  if (path === undefined) return undefined;
  return {
    vendorId: textOf(join(path, 'idVendor')),
    productId: textOf(join(path, 'idProduct')),
    manufacturer: textOf(join(path, 'manufacturer')),
    product: textOf(join(path, 'product')),
    serialNumber: textOf(join(path, 'serial')),
    location: basename(path),
  };
}

/** A directory of sysfs and those that it is in, as far as they are devices. */
function ancestors(path: string): string[] {
  return path.length <= 1 || basename(path) === 'devices' ? [] : [path, ...ancestors(dirname(path))];
}

function idsIn(directory: string): Map<string, string> {
  const links = names(directory).map((name) => join(directory, name));
  return new Map(links.flatMap((link) => deviceBehind(link).map((device) => [device, link] as const)));
}

/** None where the device was just unplugged, and its link is still there. */
function deviceBehind(link: string): string[] {
  try {
    return [realpathSync(link)];
  } catch {
    return [];
  }
}

function names(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}

function linkName(path: string): string | undefined {
  try {
    return basename(readlinkSync(path));
  } catch {
    return undefined;
  }
}

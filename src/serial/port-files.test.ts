import { deepEqual } from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { portFiles } from './port-files.js';

/** Files of sysfs and /dev, and links, by path. */
function tree(t: TestContext, files: Record<string, string>, links: Record<string, string>): string {
  const root = mkdtempSync(join(tmpdir(), 'luo-sysfs-'));
  t.after(() => rmSync(root, { recursive: true }));
  const place = (path: string) => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    return join(root, path);
  };
  for (const [path, text] of Object.entries(files)) writeFileSync(place(path), text);
  for (const [path, target] of Object.entries(links)) symlinkSync(join(root, target), place(path));
  return root;
}

test('an adapter is listed with its driver, its USB device and its name that stays', (t) => {
  const device = 'devices/pci/usb1/1-1';
  const root = tree(
    t,
    {
      [`${device}/idVendor`]: '1a86\n',
      [`${device}/idProduct`]: '7523\n',
      [`${device}/product`]: 'USB Serial\n',
      [`${device}/1-1:1.0/ttyUSB0/here`]: '',
      'drivers/ch341-uart/bind': '',
      'class/ttyUSB0/dev': '188:0\n',
      'dev/ttyUSB0': '',
    },
    {
      [`${device}/1-1:1.0/ttyUSB0/driver`]: 'drivers/ch341-uart',
      'class/ttyUSB0/device': `${device}/1-1:1.0/ttyUSB0`,
      'dev/serial/by-id/usb-1a86_USB_Serial-if00': 'dev/ttyUSB0',
    },
  );
  deepEqual(portFiles(join(root, 'class'), join(root, 'dev')), [
    {
      path: join(root, 'dev/ttyUSB0'),
      key: '188-0',
      driver: 'ch341-uart',
      usb: {
        vendorId: '1a86',
        productId: '7523',
        manufacturer: undefined,
        product: 'USB Serial',
        serialNumber: undefined,
        location: '1-1',
      },
      id: join(root, 'dev/serial/by-id/usb-1a86_USB_Serial-if00'),
    },
  ]);
});

test('ports without hardware and terminals without a device are left out, and the rest is in order', (t) => {
  const root = tree(
    t,
    {
      'devices/pnp/00:01/port/here': '',
      'class/ttyS10/type': '4\n',
      'class/ttyS2/type': '4\n',
      'class/ttyS3/type': '0\n',
      'class/tty1/dev': '4:1\n',
      'drivers/port/bind': '',
      'drivers/serial/bind': '',
    },
    {
      'class/ttyS10/device': 'devices/pnp/00:01/port',
      'class/ttyS2/device': 'devices/pnp/00:01/port',
      'class/ttyS3/device': 'devices/pnp/00:01/port',
      'devices/pnp/00:01/port/driver': 'drivers/port',
      'devices/pnp/00:01/driver': 'drivers/serial',
    },
  );
  const found = portFiles(join(root, 'class'), '/dev').map(({ path, driver }) => [path, driver]);
  deepEqual(found, [
    ['/dev/ttyS2', 'serial'],
    ['/dev/ttyS10', 'serial'],
  ]);
});

test('a computer without sysfs has no ports', () => {
  deepEqual(portFiles('/none', '/none'), []);
});

test('a name that leads nowhere any more does not keep the others from being listed', (t) => {
  const root = tree(
    t,
    { 'devices/uart/ttyS0/here': '', 'class/ttyS0/dev': '4:64\n', 'class/ttyS0/type': '4\n', 'dev/ttyS0': '' },
    { 'class/ttyS0/device': 'devices/uart/ttyS0', 'dev/serial/by-id/usb-gone': 'dev/ttyUSB0' },
  );
  deepEqual(
    portFiles(join(root, 'class'), join(root, 'dev')).map(({ path, id }) => [path, id]),
    [[join(root, 'dev/ttyS0'), undefined]],
  );
});

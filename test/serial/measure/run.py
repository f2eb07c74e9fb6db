#!/usr/bin/env python3
"""Runs one case in QEMU; writes OUT.events (trace) and OUT.console."""
import os, sys, re, subprocess, pty, tty, mmap, threading, tempfile, shutil, time, argparse
a = argparse.ArgumentParser()
a.add_argument('--kernel', required=True); a.add_argument('--initrd', required=True)
a.add_argument('--case', default='nothing'); a.add_argument('--tty', default='/dev/ttyS1')
a.add_argument('--append', default=''); a.add_argument('--out', required=True)
a.add_argument('--timeout', type=int, default=90); a.add_argument('--port', default='isa')
a.add_argument('--loglevel', default='3'); a.add_argument('--mem', default='1G')
o = a.parse_args()
here = os.path.dirname(os.path.abspath(__file__))
master, slave = pty.openpty(); tty.setraw(master); tty.setraw(slave)
tmp = tempfile.mkdtemp()
lines = os.path.join(tmp, 'lines')
open(lines, 'wb').write(b'\0' * 4096)
fd = os.open(lines, os.O_RDWR); shared = mmap.mmap(fd, 4096)
def inputs(v): shared[0:4] = v.to_bytes(4, 'little')
inputs(0x20 | 0x40 | 0x100)
env = dict(os.environ, LD_PRELOAD=here + '/shim.so', MODEM_LINES=lines)
dev = {'isa': ['-device', 'isa-serial,chardev=s1,index=1'],
       'usb': ['-device', 'piix3-usb-uhci,id=u', '-qmp', f'unix:{tmp}/qmp,server=on,wait=off'],
       'none': []}[o.port]
cmd = ['qemu-system-x86_64', '-accel', 'tcg', '-cpu', 'max', '-m', o.mem, '-smp', '1', '-nodefaults', '-no-user-config',
       '-display', 'none', '-monitor', 'none', '-serial', 'stdio', '-no-reboot', '-kernel', o.kernel, '-initrd', o.initrd,
       '-append', f'console=ttyS0 panic=-1 loglevel={o.loglevel} case={o.case} tty={o.tty} {o.append}',
       '-device', 'edu', '-chardev', f'serial,id=s1,path={os.ttyname(slave)}', *dev, '-msg', 'timestamp=on',
       '-d', 'trace:memory_region_ops_write,trace:memory_region_ops_read,trace:usb_serial_handle_control,trace:usb_serial_set_flow_control']
if o.port == 'usb': cmd[-1] = 'trace:memory_region_ops_write,trace:usb_serial_handle_control'
p = subprocess.Popen(cmd, stdin=subprocess.DEVNULL, stdout=open(o.out + '.console', 'wb'), stderr=subprocess.PIPE, env=env)
killer = threading.Timer(o.timeout, p.kill); killer.start()
qmp_socket = None
def qmp(*commands):
    global qmp_socket
    import socket, json
    if qmp_socket is None:
        qmp_socket = socket.socket(socket.AF_UNIX); qmp_socket.connect(tmp + '/qmp')
        qmp_socket.recv(4096); qmp_socket.send(b'{"execute":"qmp_capabilities"}'); qmp_socket.recv(4096)
    for c in commands: qmp_socket.send(json.dumps(c).encode())
def unplug(): qmp({'execute': 'device_del', 'arguments': {'id': 'd'}})
def plug(): qmp({'execute': 'device_add', 'arguments': {'driver': 'usb-serial', 'id': 'd', 'chardev': 's1', 'bus': 'u.0'}})
def drain():
    while True:
        try:
            if not os.read(master, 65536): return
        except OSError: return
threading.Thread(target=drain, daemon=True).start()
pat = re.compile(rb'@(\d+)\.(\d+):memory_region_ops_(\w+) cpu \S+ mr \S+ addr (0x[0-9a-f]+) value (0x[0-9a-f]+) size \d+ name \'(\S+)\'')
n = 0; last = None
with open(o.out + '.events', 'w') as out:
    for l in p.stderr:
        if b'memory_region' in l:
            if b"name 'serial'" not in l and b"name 'edu" not in l: continue
            m = pat.search(l)
            if not m: out.write('? ' + l.decode(errors='replace')); continue
            us = int(m[1]) * 1000000 + int(m[2]); addr = int(m[4], 16); v = int(m[5], 16)
            if m[6].startswith(b'edu'):
                if m[3] != b'write' or addr & 0xffff != 4: continue
                out.write(f'{us} mark {v}\n')
                if v == 0x60000001: threading.Thread(target=unplug, daemon=True).start()
                elif v == 0x60000002: threading.Thread(target=plug, daemon=True).start()
                elif v >> 30 == 1 and v < 0x7fff0000: inputs(v & 0xffff)
                elif v >> 31: threading.Thread(target=os.write, args=(master, b'x' * (v & 0xffff)), daemon=True).start()
            elif 0x2f8 <= addr <= 0x2ff and o.port == 'isa':
                out.write(f'{us} {m[3].decode()} {addr - 0x2f8} {v}\n')
        elif b':usb_serial' in l:
            m = re.search(rb'@(\d+)\.(\d+):(.*)', l)
            out.write(f'{int(m[1]) * 1000000 + int(m[2])} usb {m[3].decode()}\n')
        else: sys.stderr.write(l.decode(errors='replace'))
killer.cancel(); rc = p.wait(); shutil.rmtree(tmp)
sys.exit(0 if b'init: done' in open(o.out + '.console', 'rb').read() else 1)

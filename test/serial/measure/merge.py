#!/usr/bin/env python3
"""Puts the trace's events to the steps: merge.py DRIVER KERNEL OUT NAME..."""
import json, sys, re, os
driver, kernel, out, folder, *names = sys.argv[1:]
TIOCM = {2:'DTR',4:'RTS',0x20:'CTS',0x40:'CD',0x80:'RI',0x100:'DSR',0x2000:'OUT1',0x4000:'OUT2',0x8000:'LOOP',1:'LE',8:'ST',0x10:'SR'}
MCR = {1:'DTR',2:'RTS',4:'OUT1',8:'OUT2',16:'LOOP',32:'AFE'}
BAUD = {0:'B0',0o15:'B9600',0o16:'B19200',0o17:'B38400',0o10001:'B57600',0o10002:'B115200',0o10000:'BOTHER',0o10017:'B4000000'}
I = {1:'IGNBRK',2:'BRKINT',4:'IGNPAR',8:'PARMRK',16:'INPCK',32:'ISTRIP',64:'INLCR',128:'IGNCR',256:'ICRNL',512:'IUCLC',1024:'IXON',2048:'IXANY',4096:'IXOFF',8192:'IMAXBEL',16384:'IUTF8'}
O = {1:'OPOST',2:'OLCUC',4:'ONLCR',8:'OCRNL',16:'ONOCR',32:'ONLRET'}
L = {1:'ISIG',2:'ICANON',4:'XCASE',8:'ECHO',16:'ECHOE',32:'ECHOK',64:'ECHONL',128:'NOFLSH',256:'TOSTOP',512:'ECHOCTL',1024:'ECHOPRT',2048:'ECHOKE',4096:'FLUSHO',16384:'PENDIN',32768:'IEXTEN',65536:'EXTPROC'}
CC = ['VINTR','VQUIT','VERASE','VKILL','VEOF','VTIME','VMIN','VSWTC','VSTART','VSTOP','VSUSP','VEOL','VREPRINT','VDISCARD','VWERASE','VLNEXT','VEOL2']
def bits(v, table):
    known = [n for b, n in sorted(table.items()) if v & b]
    rest = v & ~sum(table)
    return known + ([hex(rest)] if rest else [])
def cflag(v):
    b = v & 0o10017
    r = [BAUD.get(b, oct(b)), 'CS%d' % (5 + (v >> 4 & 3))]
    for bit, n in [(0o100,'CSTOPB'),(0o200,'CREAD'),(0o400,'PARENB'),(0o1000,'PARODD'),(0o2000,'HUPCL'),(0o4000,'CLOCAL'),(1<<30,'CMSPAR'),(1<<31,'CRTSCTS')]:
        if v & bit: r.append(n)
    ib = v >> 16 & 0o10017
    if ib: r.append('IBSHIFT ' + BAUD.get(ib, oct(ib)))
    return r
def termios(t):
    if isinstance(t, str): return t
    return {'iflag': bits(t['iflag'], I), 'oflag': bits(t['oflag'], O), 'cflag': cflag(t['cflag']), 'lflag': bits(t['lflag'], L),
            'ispeed': t['ispeed'], 'ospeed': t['ospeed'], 'line': t['line'], 'cc': {n: t['cc'][i] for i, n in enumerate(CC)},
            'raw': {k: t[k] for k in ('iflag', 'oflag', 'cflag', 'lflag')}}
class Uart:
    """Follows the registers as they are written."""
    def __init__(self): self.mcr = 8; self.lcr = 0
    def write(self, us, reg, v):
        name = [('DLL' if self.lcr & 128 else 'THR'), ('DLM' if self.lcr & 128 else 'IER'), 'FCR', 'LCR', 'MCR', 'LSR', 'MSR', 'SCR'][reg]
        edges = []
        if reg == 3:
            if (self.lcr ^ v) & 0x40: edges.append({'line': 'BREAK', 'level': v >> 6 & 1, 'us': us})
            self.lcr = v
        if reg == 4:
            for b, n in MCR.items():
                if (self.mcr ^ v) & b: edges.append({'line': n, 'level': 1 if v & b else 0, 'us': us})
            self.mcr = v
        return name, edges
def rel(edges, t0):
    """times: only the gaps between the edges, rounded to 10 microseconds"""
    last = None
    for e in edges:
        us = e.pop('us')
        if last is not None: e['afterUs'] = round((us - last) / 10) * 10 if us - last < 2000000 else us - last
        last = us
    return edges
def add_io(step, uart, us, kind, reg, v, late):
    if kind == 'read':
        step['registerReads'] = step.get('registerReads', 0) + 1; return
    name, edges = uart.write(us, reg, v)
    regs = step.setdefault('registers', [])
    if name == 'THR': step['transmitted'] = step.get('transmitted', 0) + 1
    else: regs.append(f'{name}={v:#04x}')
    for e in edges:
        if late: e['late'] = True
    step.setdefault('edges', []).extend(edges)
levels = {}
def usb(step, us, text, late):
    """a USB request; the same one many times in a row is one with a count"""
    step.setdefault('usb', [])
    if text.startswith('{'): r = json.loads(text)
    else:
        m = re.search(r'control (0x\w+), value (0x\w+)', text)
        if not m: return
        code, v = int(m[1], 16), int(m[2], 16)
        names = {0x4000: 'RESET', 0x4001: 'SET_MODEM_CTRL', 0x4002: 'SET_FLOW_CTRL', 0x4003: 'SET_BAUD_RATE', 0x4004: 'SET_DATA', 0x4006: 'SET_EVENT_CHAR', 0x4007: 'SET_ERROR_CHAR', 0x4009: 'SET_LATENCY_TIMER', 0xc005: 'GET_MODEM_STATUS', 0xc00a: 'GET_LATENCY_TIMER', 0x0009: 'control 00 09'}
        if code not in names and code >> 8 in (0, 1, 2, 0x80, 0x81, 0x82): return
        r = {'request': names.get(code, hex(code)), 'value': v}
        if code == 0x4001: r = {'request': 'modem control', 'value': v & 3, 'mask': v >> 8 & 3}
        if code == 0x4004: r['break'] = v >> 14 & 1
    q = step['usb']
    if late and r['request'] == 'GET_MODEM_STATUS': return   # the TIOCMGET that looks at the result
    if r['request'] == 'control 00 09': levels.clear()   # a device that is new: both low
    if 'count' in r and q and q[-1][1]['request'] == r['request']:
        q[-1][1]['count'] += 1; return
    edges = []
    if r['request'] in ('SET_CONTROL_LINE_STATE', 'modem control'):
        for b, n in ((1, 'DTR'), (2, 'RTS')):
            if r.get('mask', 3) & b:
                v = 1 if r['value'] & b else 0
                if levels.get(n, 0) != v: edges.append({'line': n, 'level': v, 'us': us})
                levels[n] = v
    if r['request'] == 'SEND_BREAK' and r['value'] in (0, 0xffff):
        v = 1 if r['value'] else 0
        if levels.get('BREAK', 0) != v: edges.append({'line': 'BREAK', 'level': v, 'us': us})
        levels['BREAK'] = v
    if 'break' in r:
        v = r['break']
        if levels.get('BREAK', 0) != v: edges.append({'line': 'BREAK', 'level': v, 'us': us})
        levels['BREAK'] = v
    for e in edges:
        if late: e['late'] = True
    step.setdefault('edges', []).extend(edges)
    q.append((us, r, late))
def parse(name):
    base = os.path.join(folder, name)
    con = open(base + '.console', errors='replace').read().replace('\r', '')
    steps = {}
    for m in re.finditer(r'@(\{.*?\})$', con, re.M):
        try: s = json.loads(m[1])
        except ValueError: print('bad line in', name, m[1][:80], file=sys.stderr); continue
        if 'id' in s: steps[s['id']] = s
    levels.clear()
    uart = Uart(); boot = {'call': 'boot of the kernel and its driver, nothing has opened the port', 'edges': [], 'registers': []}
    res = []; cur = boot; late = False; begun = 0
    res.append(boot)
    events = [l[3:] for l in con.split('\n') if l.startswith('#E ')] if 'ACM' in driver else open(base + '.events')
    ready = 'ACM' not in driver
    for l in events:
        f = l.rstrip('\n').split(' ', 2)
        us = int(f[0])
        if f[1] == 'mark':
            v = int(f[2])
            if v == 1 or v >> 30: 
                if v == 0x7ffffff0: cur = {'call': 'first kernel: open' }; res.append(cur)
                if v == 0x7ffffff1: cur = {'call': 'kexec into the second kernel, its boot and its driver'}; res.append(cur)
                continue
            i = v // 2
            if v % 2 == 0:
                s = steps.get(i, {'id': i, 'call': '?'})
                cur = {'call': s['call']}
                for k in s:
                    if k not in ('id', 'call', 'modem', 'termios'): cur[k] = s[k]
                if 'modem' in s: cur['modem'] = s['modem'] if isinstance(s['modem'], str) else bits(s['modem'], TIOCM)
                if 'termios' in s: cur['termios'] = termios(s['termios'])
                res.append(cur); late = False; begun = us
            else:
                late = True
                if us - begun >= 100000: cur['durationMs'] = round((us - begun) / 10000) * 10
        elif f[1] == 'usb': usb(cur, us, f[2].strip(), late)
        elif f[1] in ('read', 'write'):
            reg, v = f[2].split(); add_io(cur, uart, us, f[1], int(reg), int(v), late)
        else: cur.setdefault('edges', [])
    seen = None
    for s in res:
        s['edges'] = rel(s.get('edges', []), 0)
        if 'usb' in s:
            q = s.pop('usb'); s['requests'] = []; last = None
            for us, r, lt in q:
                if last is not None: r['afterUs'] = round((us - last) / 10) * 10
                last = us
                if lt: r['late'] = True
                s['requests'].append(r)
        if 'termios' in s:
            if s['termios'] == seen: s['termios'] = 'unchanged'
            else: seen = s['termios']
    if not driver.startswith('8250') : 
        boot['call'] = 'the device is plugged in, its driver binds, nothing has opened the port'
    return {'name': name, 'steps': res}
rec = {'driver': driver, 'kernel': kernel, 'initialLevels': {'DTR': 0, 'RTS': 0, 'OUT1': 0, 'OUT2': 1, 'LOOP': 0} if driver.startswith('8250') else {'DTR': 0, 'RTS': 0},
       'notes': 'One fresh machine per case (for 8250, the first two writes of IER in the boot step are the firmware, not the kernel). An edge has the time since the edge before it in the same step (microseconds, of an emulated processor). late: after the call had returned, before the next step. termios "unchanged": as in the last step that shows it. modem: TIOCMGET after the call.',
       'cases': [parse(n) for n in names if os.path.exists(os.path.join(folder, n + '.events'))]}
json.dump(rec, open(out, 'w'), indent=1)
def brief():
    for c in rec['cases']:
        print('##', c['name'])
        for s in c['steps']:
            e = ' '.join(f"{x['line']}{'↑' if x['level'] else '↓'}" + (f"(+{x['afterUs']})" if 'afterUs' in x else '') + ('*' if x.get('late') else '') for x in s['edges'])
            rq = ' | '.join(r['request'] + ''.join(f' {k}={v}' for k, v in r.items() if k != 'request') for r in s.get('requests', []) if not r['request'].startswith(('bulk IN', 'interrupt IN')))
            mcr = ' '.join(r for r in s.get('registers', []) if r.startswith('MCR'))
            ex = {k: v for k, v in s.items() if k not in ('call', 'result', 'errno', 'edges', 'registers', 'termios', 'modem', 'registerReads', 'requests', 'transmitted')}
            print(f"- {s['call']} -> {s.get('result')} {s.get('errno','')} | {e} | {mcr} | writes {len(s.get('registers',[]))} reads {s.get('registerReads',0)} tx {s.get('transmitted',0)} | m={','.join(s['modem']) if isinstance(s.get('modem'), list) else s.get('modem')}", ex or '', rq)
if os.environ.get('BRIEF'): brief()

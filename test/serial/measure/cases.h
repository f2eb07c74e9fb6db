/* Marks: how the steps of the test program are placed among the edges. */
#ifndef CASES_H
#define CASES_H
void mark(unsigned value);          /* an entry in the trace's order */
void modem_inputs(int tiocm);       /* the host drives CTS, DSR, CD, RI */
int run_case(const char *name, const char *tty);   /* 0, or -1: no such case */
extern int is_acm, is_ftdi;
void unplug_device(void);
void plug_device(void);
/* the emulated CDC-ACM device (acm.c) */
void acm_setup(void);               /* makes the log that all processes share */
void acm_plug(void);                /* attach and wait for the tty */
void acm_unplug(void);
void acm_mark(unsigned value);
void acm_serial_state(int tiocm);
void acm_send(const char *data, int size);
void acm_dump(void);
#endif

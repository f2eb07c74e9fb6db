/** Signals of a keeper, and where they go at the moment. */
import { asksToEnd } from './signals.js';

/** Signals that a terminal sends to all processes in its foreground, the programs included. */
const terminalSignals = ['SIGINT', 'SIGQUIT', 'SIGWINCH'] as const;
const otherSignals = ['SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const;

/** From now on no signal ends this process: what comes before there is a route goes nowhere. */
export function holdSignals(): void {
  for (const signal of [...terminalSignals, ...otherSignals]) process.on(signal, () => {});
}

type Taker = (signal: NodeJS.Signals, isOfTerminal: boolean) => void;

export class SignalRoute {
  #taker: Taker | undefined;
  #waiting: NodeJS.Signals | undefined;

  constructor() {
    for (const signal of [...terminalSignals, ...otherSignals]) process.on(signal, () => this.#take(signal));
  }

  /** They go there from now on, and one that asked for the end while they went nowhere. */
  to(taker: Taker): void {
    this.#taker = taker;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting !== undefined) taker(waiting, false);
  }

  /** They wait until they go somewhere again. */
  wait(): void {
    this.#taker = undefined;
  }

  #take(signal: NodeJS.Signals): void {
    if (this.#taker !== undefined)
      this.#taker(
        signal,
        terminalSignals.some((one) => one === signal),
      );
    else if (asksToEnd(signal)) this.#waiting = signal;
  }
}

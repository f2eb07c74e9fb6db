/** Why the demo cannot go on, or what did not hold, in a sentence for the person who runs it. */
export class Failure extends Error {
  override readonly name = 'Failure';
}

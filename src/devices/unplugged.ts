/** A request to a device that is not there any more: ENODEV. */
export class Unplugged extends Error {
  override readonly name = 'Unplugged';
  readonly code = 'ENODEV';
}

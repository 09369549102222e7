/** Something that bears a stack's labels, and that its state does not know. */
export interface UnmanagedObject {
  /** Such as `volume`, or `Deployment.apps`. */
  readonly kind: string;
  /** With its namespace, where it has one. */
  readonly name: string;
}

/** What was found, and where nobody could look. */
export interface Unmanaged {
  readonly objects: readonly UnmanagedObject[];
  /** Kinds that could not be listed, and why. */
  readonly unseen: readonly string[];
}

/** In one order, whoever listed them. */
export function sortedObjects(objects: readonly UnmanagedObject[]): readonly UnmanagedObject[] {
  const key = ({ kind, name }: UnmanagedObject) => `${kind} ${name}`;
  return [...objects].sort((a, b) => (key(a) < key(b) ? -1 : 1));
}

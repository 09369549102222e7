/**
 * Does something with each of a list, a few at once. After a failure no other one is begun, and those that were begun are waited for.
 *
 * @throws what the first failure threw
 */
export async function eachOf<T>(items: Iterable<T>, atOnce: number, work: (item: T) => Promise<void>): Promise<void> {
  const rest = items[Symbol.iterator]();
  const failures: unknown[] = [];
  const some = async () => {
    for (let next = rest.next(); next.done !== true && failures.length === 0; next = rest.next()) {
      try {
        await work(next.value);
      } catch (error) {
        failures.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, some));
  if (failures.length > 0) throw failures[0];
}

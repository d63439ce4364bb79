import { enrollStream, type Caller, type EnrollItem } from '../routers/index.ts'
import { heapGrowthOf } from './heap.ts'

/** Sends items through `enrollStream` and forgets the results; each has to be good. */
export async function enrollAll(
  caller: Caller,
  items: Iterable<EnrollItem>,
  { onResult = () => {} }: { onResult?: (index: number) => void } = {},
): Promise<void> {
  for await (const result of enrollStream(caller, items)) {
    if (!result.ok) throw new Error(result.error.message)
    onResult(result.index)
  }
}

/** Every learner in one course after the other, made as they are asked for; `total` items. */
export function* itemsOf(
  usernames: readonly string[],
  courseIds: readonly string[],
  total: number,
): Generator<EnrollItem, void, void> {
  let given = 0
  for (const courseId of courseIds) {
    for (const username of usernames) {
      if (given === total) return
      given += 1
      yield { username, courseId }
    }
  }
}

/** How much memory a stream holds at the most, in MB; one that held its items or its results would grow with them. */
export function heapOfStream(caller: Caller, items: Iterable<EnrollItem>): Promise<number> {
  return heapGrowthOf((sample) =>
    enrollAll(caller, items, {
      onResult: (index) => {
        // In the middle of a chunk of a thousand: its results are in memory then, and the chunk that runs.
        if (index % 3_000 === 2_500) sample()
      },
    }),
  )
}

import { EnrollmentError, failure } from '../../errors.ts'

/** What a roster says of a learner in a course run. */
export interface ListedLines {
  /** The first line about them. */
  readonly first: number
  /** A line that says something else; null: none does. */
  readonly other: number | null
}

/** Who is listed in which course run. It keeps 16 bytes a line. */
export interface Listed {
  /** @param hash equal for lines that ask for the same, 32 bits. */
  add(pair: { readonly courseId: number; readonly learnerId: number }, line: number, hash: number): void
  /** Null: they are not listed. Asked after all lines were added. */
  linesOf(pair: { readonly courseId: number; readonly learnerId: number }): ListedLines | null
}

export function createListed(): Listed {
  const runs = new Map<number, ListedRun>()
  return {
    add({ courseId, learnerId }, line, hash) {
      const run = runs.get(courseId) ?? createRun()
      runs.set(courseId, run)
      run.add(learnerId, line, hash)
    },
    linesOf: ({ courseId, learnerId }) => runs.get(courseId)?.linesOf(learnerId) ?? null,
  }
}

interface ListedRun {
  add(learnerId: number, line: number, hash: number): void
  linesOf(learnerId: number): ListedLines | null
}

/** Places of one course run: a learner's id and a place make a number that is exact. */
const PLACES = 2 ** 22

function createRun(): ListedRun {
  let size = 0
  let keys = new Float64Array(1024)
  let said = new Int32Array(2 * 1024)
  let isSorted = false

  /** The place among the sorted keys of the first that is not smaller. */
  const firstFrom = (key: number) => {
    let [low, high] = [0, size]
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((keys[middle] ?? 0) < key) low = middle + 1
      else high = middle
    }
    return low
  }

  return {
    add(learnerId, line, hash) {
      if (size === PLACES - 1) throw tooManyLines()
      if (size === keys.length) {
        keys = grown(keys, new Float64Array(2 * size))
        said = grown(said, new Int32Array(4 * size))
      }
      keys[size] = learnerId * PLACES + size
      said.set([line, hash], 2 * size)
      size += 1
    },
    linesOf(learnerId) {
      if (!isSorted) keys.subarray(0, size).sort()
      isSorted = true
      let first: [line: number, hash: number] | undefined
      for (let at = firstFrom(learnerId * PLACES); at < size; at += 1) {
        const key = keys[at] ?? 0
        if (key >= (learnerId + 1) * PLACES) break
        const place = key % PLACES
        const [line = 0, hash = 0] = said.subarray(2 * place, 2 * place + 2)
        first ??= [line, hash]
        if (hash !== first[1]) return { first: first[0], other: line }
      }
      return first === undefined ? null : { first: first[0], other: null }
    },
  }
}

function grown<T extends Float64Array | Int32Array>(small: T, large: T): T {
  large.set(small)
  return large
}

function tooManyLines(): EnrollmentError {
  return new EnrollmentError(
    failure('invalidFile', { problem: `a course run has more than ${PLACES - 1} lines`, line: null }),
  )
}

/** The database of the LMS is silent. */
export class LmsSilent extends Error {
  override readonly name = 'LmsSilent'

  constructor(milliseconds: number) {
    super(`The database of the LMS has not answered within ${milliseconds / 1_000} s`)
  }
}

/** Milliseconds in which an answer is read that is there. */
const GRACE_MS = 50

/**
 * Waits for an answer of the LMS, but not for ever: the driver itself stops counting once the first byte has come.
 *
 * @param giveUp ends what the answer would come by; nobody waits for it then.
 * @throws {LmsSilent}
 */
export async function withinDeadline<T>(answer: Promise<T>, milliseconds: number, giveUp: () => void): Promise<T> {
  const late = Promise.withResolvers<never>()
  let isOver = false
  const end = () => {
    if (isOver) return
    giveUp()
    late.reject(new LmsSilent(milliseconds))
  }
  // Where this process was busy for so long, the answer may be there, and nobody has read it yet.
  const timer = setTimeout(() => setTimeout(end, GRACE_MS), milliseconds)
  try {
    return await Promise.race([answer, late.promise])
  } finally {
    isOver = true
    clearTimeout(timer)
  }
}

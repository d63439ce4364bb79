/** The database of the LMS is silent. */
export class LmsSilent extends Error {
  override readonly name = 'LmsSilent'

  constructor(milliseconds: number) {
    super(`The database of the LMS has not answered within ${milliseconds / 1_000} s`)
  }
}

/**
 * Waits for an answer of the LMS, but not for ever: the driver itself stops counting once the first byte has come.
 *
 * @param giveUp ends what the answer would come by; nobody waits for it then.
 * @throws {LmsSilent}
 */
export async function withinDeadline<T>(answer: Promise<T>, milliseconds: number, giveUp: () => void): Promise<T> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => {
    giveUp()
    late.reject(new LmsSilent(milliseconds))
  }, milliseconds)
  try {
    return await Promise.race([answer, late.promise])
  } finally {
    clearTimeout(timer)
  }
}

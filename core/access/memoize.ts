/**
 * Keeps the results of a pure function for the last few texts.
 *
 * @param limit how many answers are kept at the most.
 */
export function memoize<T>(answerTo: (text: string) => T, limit: number): (text: string) => T {
  const known = new Map<string, T>()
  return (text) => {
    const answer = known.get(text)
    if (answer !== undefined) return answer
    if (known.size >= limit) known.clear()
    const fresh = answerTo(text)
    known.set(text, fresh)
    return fresh
  }
}

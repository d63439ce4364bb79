/** Keys and names of an LMS that are equal so are one here: lower-cased code points, never a collation (adoption.md §1). */
export function foldKey(text: string): string {
  return text.toLowerCase()
}

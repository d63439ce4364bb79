import { isBigint } from '../database/bigint.ts'

/** Whether the text is a cursor of the list of jobs: the number of the last one. */
export function isListCursor(text: string): boolean {
  return isBigint(text)
}

/** A place among the results of a job: after so many lines of a chunk. */
export interface ResultPlace {
  readonly chunk: number
  readonly lines: number
}

export function isResultCursor(text: string): boolean {
  return RESULT_CURSOR.test(text)
}

/** The place of a cursor that {@link isResultCursor} holds for one; without, the beginning. */
export function placeOf(cursor: string | undefined): ResultPlace {
  const [chunk = 0, lines = 0] = cursor?.split('-').map(Number) ?? []
  return { chunk, lines }
}

export function resultCursor({ chunk, lines }: ResultPlace): string {
  return `${chunk}-${lines}`
}

const RESULT_CURSOR = /^\d{1,9}-\d{1,9}$/

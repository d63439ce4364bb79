import type { LineOf } from './lines.ts'
import type { Window } from './window.ts'

/** A window that is early has met what depends on those before it: it has to be written once they are. */
export class OutOfTurn extends Error {}

/** How the writing of a window stands to that of the windows before it in the file. */
export interface Turn {
  /** Whether windows before it are still being written: what they change cannot be seen yet. */
  readonly isEarly: () => boolean
  /** Waits until each window before it has passed its turn on, or is written. */
  readonly comes: () => Promise<void>
  /** Lets the window after it have its turn. */
  readonly pass: () => void
  /** Waits until all windows before it are written. */
  readonly othersEnd: () => Promise<void>
}

/** The turn of a window that is written alone. */
export const ALONE: Turn = {
  isEarly: () => false,
  comes: async () => {},
  pass: () => {},
  othersEnd: async () => {},
}

/** A window that was written, with what came of it. */
export interface WrittenWindow<T> {
  readonly window: Window
  readonly outcome: T
}

/**
 * Writes windows, and reads the next one in the meantime. Two are written at a time where both have nothing but enrollments,
 * and not the same ones: each does then what it would do after the other, but for an id of the LMS that one of them takes
 * away ({@link OutOfTurn}).
 *
 * @param atOnce the most that are written at a time.
 * @param write writes a window; it is begun in the order of the file.
 * @returns what came of the windows, in the order of the file. What one of them throws, or the reading, is thrown in its place,
 * once those that were begun have ended.
 */
export async function* writeOverlapping<T>(
  windows: AsyncGenerator<Window>,
  atOnce: number,
  write: (window: Window, turn: Turn) => Promise<T>,
): AsyncGenerator<WrittenWindow<T>> {
  const running: Running<T>[] = []
  let upcoming = readNext(windows, atOnce)
  try {
    for (;;) {
      const [first] = running
      const next = await (first === undefined ? upcoming : Promise.race([first.ended, upcoming]))
      if (first !== undefined && (next === null || !mayJoin(next, running, atOnce))) {
        running.shift()
        yield { window: first.window, outcome: await first.outcome }
      } else if (next !== null) {
        if ('cause' in next) throw next.cause
        if (next.window === null) return
        running.push(begin(next.window, next.enrollments, running, write))
        upcoming = readNext(windows, atOnce)
      }
    }
  } finally {
    await Promise.all(running.map(({ ended }) => ended))
    // Not waited for: a pipe that says nothing would keep it for ever.
    void windows.return(undefined).catch(() => {})
  }
}

interface Running<T> {
  readonly window: Window
  readonly enrollments: ReadonlySet<string> | null
  readonly outcome: Promise<T>
  /** Settles with the outcome, and never fails. */
  readonly ended: Promise<null>
  /** Resolves when it has passed its turn on, or has ended. */
  readonly passed: Promise<void>
}

/** The next window, or none, or why it could not be read. */
type Next = { readonly window: Window | null; readonly enrollments: ReadonlySet<string> | null } | { cause: unknown }

async function readNext(windows: AsyncGenerator<Window>, atOnce: number): Promise<Next> {
  try {
    const { done, value: window } = await windows.next()
    return done === true
      ? { window: null, enrollments: null }
      : { window, enrollments: atOnce > 1 ? enrollmentsOf(window) : null }
  } catch (cause) {
    return { cause }
  }
}

function begin<T>(
  window: Window,
  enrollments: ReadonlySet<string> | null,
  before: readonly Running<T>[],
  write: (window: Window, turn: Turn) => Promise<T>,
): Running<T> {
  const others = [...before]
  let isEarly = others.length > 0
  const { promise: passed, resolve: pass } = Promise.withResolvers<void>()
  const othersEnd = async () => {
    await Promise.all(others.map((other) => other.ended))
    isEarly = false
  }
  void othersEnd()
  const comes = async () => {
    await Promise.all(others.map((other) => other.passed))
  }
  const outcome = write(window, { isEarly: () => isEarly, comes, pass, othersEnd })
  const ended = outcome.then(
    () => null,
    () => null,
  )
  void ended.then(() => pass())
  return { window, enrollments, outcome, ended, passed }
}

/** Whether a window may be written together with those that are being written. */
function mayJoin<T>(next: Next, running: readonly Running<T>[], atOnce: number): boolean {
  if ('cause' in next || running.length >= atOnce) return false
  const { enrollments } = next
  return enrollments !== null && running.every((other) => other.enrollments?.isDisjointFrom(enrollments) === true)
}

/** What the lines of a window are about: enrollments, and their ids in the LMS. Null: other lines are among them. */
function enrollmentsOf({ groups }: Window): Set<string> | null {
  const lines = groups.get('enrollment')
  if (lines === undefined || groups.size > 1) return null
  const names = new Set<string>()
  for (const { line } of lines) {
    const { username, courseId, id } = line as LineOf<'enrollment'> // Its schema has read it.
    names.add(`${courseId.stored} ${username}`)
    if (id !== undefined) names.add(String(id))
  }
  return names
}

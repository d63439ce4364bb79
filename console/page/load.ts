import { useCallback, useEffect, useRef, useState } from 'preact/hooks'
import { isAway, isSignedOut, whoIsSignedIn } from './api.ts'

export const SIGNED_OUT = 'signed-out'

/** Milliseconds after which a server that was away is asked again. */
export const AGAIN_MS = 2_000

/** Tells the page that the session is over. */
export function noticeSignedOut(error: unknown): void {
  if (isSignedOut(error)) dispatchEvent(new Event(SIGNED_OUT))
}

/** Looks whether the session is over: a connection that is refused does not say why. */
export async function checkSession(): Promise<void> {
  const name = await whoIsSignedIn().catch(() => undefined)
  if (name === null) dispatchEvent(new Event(SIGNED_OUT))
}

export interface Loaded<T> {
  readonly data: T | undefined
  readonly error: unknown
  readonly isLoading: boolean
  readonly reload: () => void
}

/**
 * Loads something, and again when the key changes or when the server was away. What was there before stays until the new is there.
 *
 * @param key names all that `load` depends on.
 */
export function useLoad<T>(key: string, load: () => Promise<T>): Loaded<T> {
  const [state, setState] = useState<{ data?: T | undefined; error?: unknown; isLoading: boolean }>({ isLoading: true })
  const [turn, setTurn] = useState(0)
  useEffect(() => {
    let [isWanted, timer] = [true, 0]
    setState((before) => ({ ...before, isLoading: true }))
    load().then(
      (data) => isWanted && setState({ data, isLoading: false }),
      (error: unknown) => {
        noticeSignedOut(error)
        if (!isWanted) return
        setState(({ data }) => ({ ...(isAway(error) ? { data } : {}), error, isLoading: false }))
        if (isAway(error)) timer = window.setTimeout(() => setTurn((before) => before + 1), AGAIN_MS)
      },
    )
    return () => {
      isWanted = false
      clearTimeout(timer)
    }
  }, [key, turn])
  const reload = useCallback(() => setTurn((before) => before + 1), [])
  return { data: state.data, error: state.error, isLoading: state.isLoading, reload }
}

export interface Page<T> {
  readonly items: readonly T[]
  readonly nextCursor: string | null
}

export interface Paged<T> {
  /** Until the beginning of a list is there, those of the list before it. */
  readonly rows: readonly T[]
  readonly isDone: boolean
  readonly error: unknown
  readonly loadMore: () => void
}

/** Loads a list a page at a time, from the beginning when the key changes; a server that was away is asked again. */
export function usePages<T>(key: string, load: (cursor: string | undefined) => Promise<Page<T>>): Paged<T> {
  const [state, setState] = useState<PagesState<T>>({ ...EMPTY, key })
  const latest = useRef(state)
  latest.current = state.key === key ? state : { ...EMPTY, key }
  const loading = useRef('')
  const loadMore = useCallback(() => {
    const { cursor, isDone, rows } = latest.current
    const request = `${key} ${rows.length}`
    if (isDone || loading.current === request) return
    loading.current = request
    void read()

    async function read(): Promise<void> {
      const next = await load(cursor).catch((error: unknown) => {
        noticeSignedOut(error)
        return { items: [], nextCursor: null, error }
      })
      if (loading.current !== request) return
      const error = 'error' in next ? next.error : undefined
      const isOver = next.nextCursor === null && !isAway(error)
      setState({ key, rows: [...rows, ...next.items], cursor: next.nextCursor ?? cursor, isDone: isOver, error })
      // Until then this request is under way: scrolling does not repeat it.
      if (isAway(error)) await new Promise((resolve) => setTimeout(resolve, AGAIN_MS))
      if (loading.current !== request) return
      loading.current = ''
      if (isAway(error)) loadMore()
    }
  }, [key])
  useEffect(loadMore, [key])
  useEffect(() => () => void (loading.current = 'gone'), [])
  const { isDone, error } = latest.current
  return { rows: state.rows, isDone, error, loadMore }
}

interface PagesState<T> {
  readonly key: string
  readonly rows: readonly T[]
  readonly cursor: string | undefined
  readonly isDone: boolean
  readonly error: unknown
}

const EMPTY = { rows: [], cursor: undefined, isDone: false, error: undefined }

export interface Action {
  readonly isBusy: boolean
  readonly error: unknown
  /** Makes what a button does of work that may fail. */
  readonly act: (work: () => Promise<unknown>) => () => void
}

/** Does one thing at a time for whoever presses a button. */
export function useAction(): Action {
  const [state, setState] = useState<{ isBusy: boolean; error?: unknown }>({ isBusy: false })
  const run = async (work: () => Promise<unknown>) => {
    setState({ isBusy: true })
    try {
      await work()
      setState({ isBusy: false })
    } catch (error) {
      noticeSignedOut(error)
      setState({ isBusy: false, error })
    }
  }
  return { isBusy: state.isBusy, error: state.error, act: (work) => () => void run(work) }
}

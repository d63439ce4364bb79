import type { ComponentChildren } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'

export interface Column<T> {
  readonly title: string
  readonly cell: (row: T) => ComponentChildren
  /** A track of a CSS grid; one share unless given. */
  readonly width?: string
  /** On a phone the first line of a row has `main` on the left and `side` on the right; the others follow below, `wide` is left out. */
  readonly place?: 'main' | 'side' | 'wide'
  /** Numbers end at one line; on a phone, where there is no head, their title stands before them. */
  readonly isNumber?: boolean
  /** Whether the title stands before the cell on a phone. */
  readonly isLabelled?: boolean
}

export interface TableProps<T> {
  readonly label: string
  readonly columns: readonly Column<T>[]
  readonly rows: readonly T[]
  readonly keyOf: (row: T, index: number) => string | number
  /** Is called when the end of the rows comes into sight. */
  readonly onEnd?: (() => void) | undefined
  /** Whether there are more rows than these. */
  readonly hasMore?: boolean
  /** What is said in place of no rows, once they have been read. */
  readonly empty: string
  /** Whether rows are still being read, so that it is not known yet that there are none. */
  readonly isLoading?: boolean
  /** So many lines a row has on a phone below its first; two unless given. */
  readonly narrowLines?: number
}

/** Pixels: rows have one height, so that only those in sight need to exist. */
const ROW = { wide: 38, narrow: 38, narrowLine: 20 }
/** Rows beyond both edges of the screen. */
const BEYOND = 12

/** A table of any length that scrolls with the page: only the rows in sight are in the document. On a phone a row has several lines. */
export function Table<T>({
  label,
  columns,
  rows,
  keyOf,
  onEnd,
  hasMore = false,
  empty,
  isLoading = false,
  narrowLines = 2,
}: TableProps<T>) {
  const body = useRef<HTMLDivElement>(null)
  const isNarrow = useMedia('(max-width: 1100px)')
  const height = isNarrow ? ROW.narrow + narrowLines * ROW.narrowLine : ROW.wide
  const [first, last] = useRowsInSight(body, rows.length, height)
  const isAtEnd = last >= rows.length - BEYOND
  useEffect(() => {
    if (isAtEnd && hasMore) onEnd?.()
  }, [isAtEnd, hasMore, rows.length, onEnd])
  if (rows.length === 0 && !hasMore) return <p class="empty">{isLoading ? 'Reading…' : empty}</p>
  const tracks = columns.map(({ width = 'minmax(0, 1fr)' }) => width).join(' ')
  return (
    <div
      role="table"
      aria-label={label}
      aria-rowcount={hasMore ? -1 : rows.length + 1}
      class="table"
      style={{ '--tracks': tracks, '--row': `${height}px` }}
    >
      <div role="rowgroup" class="head">
        <div role="row" aria-rowindex={1} class="row">
          {columns.map((column) => (
            <div role="columnheader" class={classOf(column)} key={column.title}>
              {column.title}
            </div>
          ))}
        </div>
      </div>
      <div role="rowgroup" class="rows" ref={body} style={{ height: `${rows.length * height}px` }}>
        {rows.slice(first, last).map((row, index) => (
          <div
            role="row"
            aria-rowindex={first + index + 2}
            class="row"
            key={keyOf(row, first + index)}
            style={{ top: `${(first + index) * height}px` }}
          >
            {columns.map((column) => (
              <div role="cell" class={classOf(column)} data-label={column.title} key={column.title}>
                {column.cell(row)}
              </div>
            ))}
          </div>
        ))}
      </div>
    </div>
  )
}

type Looks = Pick<Column<never>, 'place' | 'isNumber' | 'isLabelled'>

function classOf({ place, isNumber, isLabelled = isNumber }: Looks): string {
  return ['cell', place ?? '', isNumber === true ? 'number' : '', isLabelled === true ? 'labelled' : '']
    .join(' ')
    .trim()
}

/** The numbers of the rows to render: from, and up to but not including. */
function useRowsInSight(body: { current: HTMLDivElement | null }, count: number, height: number): [number, number] {
  const [range, setRange] = useState<[number, number]>([0, 60])
  useEffect(() => {
    let frame = 0
    const look = () => {
      frame = 0
      if (body.current === null) return
      const { top } = body.current.getBoundingClientRect()
      const first = Math.max(0, Math.floor(-top / height) - BEYOND)
      const last = Math.ceil((innerHeight - top) / height) + BEYOND
      setRange((before) => (before[0] === first && before[1] === last ? before : [first, last]))
    }
    const soon = () => {
      if (frame === 0) frame = requestAnimationFrame(look)
    }
    look()
    addEventListener('scroll', soon, { passive: true })
    addEventListener('resize', soon)
    return () => {
      cancelAnimationFrame(frame)
      removeEventListener('scroll', soon)
      removeEventListener('resize', soon)
    }
  }, [count === 0, height])
  const last = Math.min(Math.max(range[1], 0), count)
  return [Math.min(range[0], last), last]
}

function useMedia(query: string): boolean {
  const [matches, setMatches] = useState(() => matchMedia(query).matches)
  useEffect(() => {
    const media = matchMedia(query)
    const update = () => setMatches(media.matches)
    media.addEventListener('change', update)
    return () => media.removeEventListener('change', update)
  }, [query])
  return matches
}

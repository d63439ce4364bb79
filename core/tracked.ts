/** Something that comes with its place: whoever has it can resume after it. */
export interface Tracked<T> {
  /** Of an event of the feed: its cursor. */
  id: string
  data: T
}

/** What comes at once in a stream of tracked things. */
export interface TrackedPage<T> {
  readonly items: readonly Tracked<T>[]
  /** Where to resume after all of it, what a filter left out included. */
  readonly id: string
}

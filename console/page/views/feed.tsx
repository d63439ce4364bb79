import { useEffect, useState } from 'preact/hooks'
import { api, codeOf } from '../api.ts'
import { AGAIN_MS, checkSession } from '../load.ts'
import { Events, type ChangeEvent } from '../parts/events.tsx'
import { Heading, Problem, QueryChoice, SearchField } from '../parts/parts.tsx'
import { inWords, numberInWords } from '../words.ts'

const KINDS = ['created', 'reactivated', 'modeChanged', 'deactivated'] as const
type Kind = (typeof KINDS)[number]

/** Changes that are kept on the page; older ones are in the history of each learner. */
const MAX_SHOWN = 5_000

export interface FeedProps {
  readonly courseId: string
  readonly username: string
  readonly kind: string
}

export function Feed({ courseId, username, kind }: FeedProps) {
  const [isPaused, setPaused] = useState(false)
  const { events, isConnected, error } = useFeed({ courseId, username, kind })
  const [held, setHeld] = useState<readonly ChangeEvent[]>([])
  const shown = isPaused ? held : events
  return (
    <>
      <Heading text="Live feed">
        <button
          type="button"
          aria-pressed={isPaused}
          onClick={() => {
            setHeld(events)
            setPaused(!isPaused)
          }}
        >
          {isPaused ? 'Go on' : 'Pause'}
        </button>
      </Heading>
      <div class="filters">
        <SearchField label="Course run (whole key)" name="course" value={courseId} />
        <SearchField label="Username (whole)" name="learner" value={username} />
        <QueryChoice
          label="What"
          name="kind"
          value={kind}
          options={[['', 'Any'], ...KINDS.map((each) => [each, inWords(each)] as const)]}
        />
      </div>
      <Problem error={error} />
      <p class="status" role="status">
        {stateInWords(isConnected, isPaused)} {numberInWords(shown.length)} changes
      </p>
      <Events label="Changes" events={shown} empty="Waiting for the next change." />
    </>
  )
}

function stateInWords(isConnected: boolean, isPaused: boolean): string {
  if (isPaused) return 'Paused.'
  return isConnected ? 'Connected.' : 'Connecting…'
}

/** The changes from now on, newest first; none is missed while the connection is away. */
function useFeed({ courseId, username, kind }: FeedProps) {
  const [events, setEvents] = useState<readonly ChangeEvent[]>([])
  const [isConnected, setConnected] = useState(false)
  const [error, setError] = useState<unknown>()
  useEffect(() => {
    let [isOver, timer, frame] = [false, 0, 0]
    let lastEventId: string | undefined
    let stop = () => {}
    let arrived: ChangeEvent[] = []
    setEvents([])
    // However many come at once, the page is drawn once.
    const show = () => {
      frame = 0
      const fresh = arrived.toReversed()
      arrived = []
      setEvents((before) => [...fresh, ...before].slice(0, MAX_SHOWN))
    }
    const follow = () => {
      const input = {
        ...(courseId === '' ? {} : { courseIds: [courseId] }),
        ...(username === '' ? {} : { usernames: [username] }),
        ...(kind === '' ? {} : { kinds: [kind as Kind] }),
        ...(lastEventId === undefined ? {} : { lastEventId }),
      }
      const subscription = api.events.watch.subscribe(input, {
        onStarted: () => {
          setConnected(true)
          setError(undefined)
        },
        onConnectionStateChange: ({ state, error: lost }) => {
          setConnected(state === 'pending')
          if (lost !== null) void checkSession()
        },
        onData: ({ id, data }) => {
          lastEventId = id
          arrived.push(data)
          if (frame === 0) frame = requestAnimationFrame(show)
        },
        onError: (cause) => {
          setConnected(false)
          if (isOver) return
          void checkSession()
          if (codeOf(cause) === 'BAD_REQUEST') return setError(cause)
          timer = window.setTimeout(follow, AGAIN_MS)
        },
      })
      stop = () => subscription.unsubscribe()
    }
    follow()
    return () => {
      isOver = true
      clearTimeout(timer)
      cancelAnimationFrame(frame)
      stop()
    }
  }, [courseId, username, kind])
  return { events, isConnected, error }
}

import { useEffect, useState } from 'preact/hooks'
import { codeOf } from './api.ts'
import { bulk, hasEnded, type Job } from './bulk.ts'
import { AGAIN_MS, noticeSignedOut } from './load.ts'

export interface FollowedJob {
  readonly job: Job | undefined
  /** Whether what happens comes in; otherwise it is tried again. */
  readonly isConnected: boolean
  /** Why it is not followed any more, e.g. because it is gone. */
  readonly error: unknown
}

/** Follows a job until its end, over restarts of the server. */
export function useJob(jobId: string): FollowedJob {
  const [state, setState] = useState<FollowedJob>({ job: undefined, isConnected: true, error: undefined })
  useEffect(() => {
    let [isOver, timer] = [false, 0]
    let stop = () => {}
    const end = () => {
      isOver = true
      clearTimeout(timer)
      stop()
    }
    const take = (job: Job) => {
      if (isOver) return
      setState({ job, isConnected: true, error: undefined })
      if (hasEnded(job)) end()
    }
    const retry = (cause: unknown) => {
      if (isOver) return
      stop()
      noticeSignedOut(cause)
      const isLost = LOST.includes(codeOf(cause) ?? '')
      setState(({ job }) => ({ job, isConnected: false, error: isLost ? cause : undefined }))
      if (isLost) return end()
      clearTimeout(timer)
      timer = window.setTimeout(() => void follow(), AGAIN_MS)
    }
    const follow = async () => {
      try {
        // Asked as well: what has ended is there at once, and a server that is away or a session that is over is noticed.
        take(await bulk.get.query({ jobId }))
      } catch (cause) {
        return retry(cause)
      }
      if (isOver) return
      const subscription = bulk.watch.subscribe(
        { jobId },
        {
          onData: ({ data }) => take(data),
          onConnectionStateChange,
          onError: retry,
          onComplete: () => retry(undefined),
        },
      )
      stop = () => subscription.unsubscribe()
    }
    // The client connects again by itself; meanwhile the page says so.
    const onConnectionStateChange = ({ state: connection, error }: { state: string; error?: unknown }) => {
      if (connection === 'connecting' && error !== null && error !== undefined) retry(error)
    }
    void follow()
    return end
  }, [jobId])
  return state
}

/** Codes after which it makes no sense to go on. */
const LOST = ['NOT_FOUND', 'UNAUTHORIZED', 'BAD_REQUEST']

/** Milliseconds in which the process ends in any case. */
const DEADLINE_MS = 9_500

/** npm passes on a signal that the terminal has sent to the whole process group already: the second one is an echo. */
const ECHO_MS = 1_000

export interface ExitOptions {
  /** Ends what runs; called once. */
  readonly stop: () => Promise<void>
  /** Hears of errors that nobody caught, and of those while stopping. */
  readonly report: (error: unknown, message: string) => void
}

/** Asked to stop, interrupted by a person, left alone by the terminal. */
const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const

/**
 * From now on a signal ends the process with 0 once everything has stopped, and an error that nobody caught with 1. A
 * second signal from an impatient person ends it at once.
 */
export function exitWell({ stop, report }: ExitOptions): void {
  let since: number | undefined

  const exit = async (code: number) => {
    since = Date.now()
    setTimeout(() => process.exit(1), DEADLINE_MS).unref()
    try {
      await stop()
      process.exit(code)
    } catch (error) {
      report(error, 'stopping failed')
      process.exit(1)
    }
  }

  for (const signal of SIGNALS) {
    process.on(signal, () => {
      if (since === undefined) void exit(0)
      else if (Date.now() - since > ECHO_MS) process.exit(1)
    })
  }

  process.on('uncaughtException', (error) => {
    report(error, 'uncaught error')
    if (since === undefined) void exit(1)
  })
}

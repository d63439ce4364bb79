import { fork, type ForkOptions } from 'node:child_process'
import { once } from 'node:events'

/** A process of our own that answers questions. */
export interface Child<Question, Answer> extends AsyncDisposable {
  /** One at a time. Fails with what the process says, or where it ends without an answer. */
  ask(question: Question): Promise<Answer>
}

type Message<Answer> = { readonly answer: Answer } | { readonly error: string }

/** Starts a file that calls {@link answerParent} with the same types. */
export function startChild<Question extends object, Answer>(
  file: URL,
  options: ForkOptions = {},
): Child<Question, Answer> {
  const child = fork(file, options)
  const ended = once(child, 'exit')
  return {
    ask: async (question) => {
      const { promise, resolve, reject } = Promise.withResolvers<Message<Answer>>()
      const onExit = () => reject(new Error(`The process of ${file.pathname.split('/').at(-1)} has ended`))
      if (!child.connected) onExit()
      child.once('message', resolve).once('exit', onExit)
      if (child.connected) child.send(question)
      const message = await promise.finally(() => child.off('message', resolve).off('exit', onExit))
      if ('error' in message) throw new Error(message.error)
      return message.answer
    },
    [Symbol.asyncDispose]: async () => {
      if (child.connected) child.disconnect()
      await ended
    },
  }
}

/**
 * Answers the questions of the process that started this one, with what its types say, and ends with it.
 *
 * @param close what is left to do then.
 */
export function answerParent(
  answer: (question: never) => Promise<unknown>,
  close: () => Promise<void> = async () => {},
): void {
  process.on('message', (question: unknown) => {
    // Who asks has the type of the questions.
    answer(question as never).then(
      (given) => process.send?.({ answer: given } satisfies Message<unknown>),
      (error: unknown) => process.send?.({ error: messageOf(error) } satisfies Message<unknown>),
    )
  })
  process.once('disconnect', () => void close().finally(() => process.exit()))
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

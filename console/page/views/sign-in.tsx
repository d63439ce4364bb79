import { useId, useState } from 'preact/hooks'
import { signIn, wordsOf } from '../api.ts'
import { Heading } from '../parts/parts.tsx'

export function SignIn({ onDone }: { onDone: (name: string) => void }) {
  const [token, setToken] = useState('')
  const [problem, setProblem] = useState('')
  const [isBusy, setBusy] = useState(false)
  const [id, hint] = [useId(), useId()]
  const send = async () => {
    setBusy(true)
    setProblem('')
    try {
      const name = await signIn(token)
      if (name !== null) return onDone(name)
      setProblem('This is none of the internal tokens of the server.')
    } catch (error) {
      setProblem(wordsOf(error))
    } finally {
      setBusy(false)
    }
  }
  return (
    <main class="alone">
      <Heading text="Sign in" />
      <form
        onSubmit={(event) => {
          event.preventDefault()
          void send()
        }}
      >
        <div class="field">
          <label for={id}>Internal token</label>
          <input
            id={id}
            type="password"
            required
            autocomplete="current-password"
            aria-describedby={hint}
            value={token}
            onInput={({ currentTarget }) => setToken(currentTarget.value)}
          />
          <p class="hint" id={hint}>
            One of <code>INTERNAL_TOKENS</code>. In development it is in <code>.data/secrets/internal-token</code>.
          </p>
        </div>
        {problem === '' ? null : (
          <p role="alert" class="problem">
            {problem}
          </p>
        )}
        <button type="submit" class="primary" disabled={isBusy}>
          Sign in
        </button>
      </form>
    </main>
  )
}

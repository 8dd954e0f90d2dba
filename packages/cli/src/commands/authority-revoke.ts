import { authorityStep } from './authority-step.ts'

export const addAuthorityRevoke = authorityStep({
  name: 'revoke',
  does: 'publish a key no more: nothing it signed is believed, its private key is deleted',
  force: 'do not wait until nothing is left of what it signed: who still uses that is cut off',
})

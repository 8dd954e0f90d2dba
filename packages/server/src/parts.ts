/** Parts of the server for measurements and simulations. No promise: they change with any version. */
export { EntryDirectory } from './registration/entry-directory.ts'
export { Store } from './store/store.ts'

// Package journal holds the rules of the journal that nobody can quietly
// change: what a fact is, the canonical bytes of an entry, the RFC 6962 tree
// above the entries, and the verification of all of it.
//
// It guarantees that
//   - a [Fact] is made by a noun's transition and by nothing else: its fields
//     are unexported and the zero Fact is refused by every writer;
//   - no free text enters an entry: every value is an identifier or a code of
//     printable ASCII without blanks, so that an address, a sentence or a full
//     name cannot slip in (personal data lives in the vault, internal/coffre);
//   - the bytes that are hashed are the bytes that are stored, RFC 8785
//     canonical JSON, and verification never serialises again;
//   - entries of one mandat carry a gapless counter and the leaf hash of their
//     predecessor, so that a filtered export can be shown to be complete.
//
// It does no I/O and reads no clock. It does not prove the truth of what was
// recorded, nor anything against an operator who rewrites the whole tree while
// nobody outside keeps a checkpoint: [Checkpoint] and the proofs of this package
// are what one keeps, internal/scellement signs and spreads them.
package journal

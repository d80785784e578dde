//! `sipannotate`: what a capture says about SIP calls, in a telephone engineer's words.
//!
//! Data flows one way, from the top of this list to its end; a room may name only rooms above it
//! (`tests/architecture.rs` holds it to that):
//!
//! ```text
//! units, wire_text, limits, defect     the vocabulary of all rooms
//! catalogue                            status code -> meaning, remediation, RFC
//! capture    file or stdin      -> Frame<'_>, or Piece<'_> for those who copy it
//! rewrite    Piece              -> a pcapng with comments, with frames left out or changed
//! packet     Frame              -> Datagram<'_> | Segment<'_> | SctpPacket<'_> | IcmpError<'_>
//! stream     Segment            -> Chunk<'_>, in order
//! tls        Chunk, secrets     -> Chunk, decrypted or as it came
//! hep        Chunk              -> Chunk | Datagram, one a mirrored message
//! websocket  Chunk              -> Chunk | Datagram, one a WebSocket message
//! sctp       SctpPacket         -> Datagram, one a user message
//! sip        Datagram | Chunk   -> Message<'_>, an index over the wire bytes
//! stir       Message, certificates -> what its signed identity says, and why it was refused
//! redact     Frame, key         -> Frame with pseudonyms; the capture anew
//! calls      Message            -> responses, attempts, answered dialogs
//! findings   those              -> annotated responses, findings, aggregates
//! ladder     Message            -> the messages of chosen calls, as columns and arrows
//! report     those              -> View -> bytes
//! pipeline   owns the stages and wires push to push
//! cli        arguments, exit codes, the terminal
//! ```
//!
//! `ARCHITECTURE.md` says what passes each border and who owns the bytes.

pub mod units;
pub mod wire_text;
pub mod limits;
pub mod defect;
pub mod catalogue;
pub mod capture;
pub mod rewrite;
pub mod packet;
pub mod stream;
pub mod tls;
pub mod hep;
pub mod websocket;
pub mod sctp;
pub mod sip;
pub mod stir;
pub mod redact;
pub mod calls;
pub mod findings;
pub mod ladder;
pub mod report;
pub mod pipeline;
pub mod cli;

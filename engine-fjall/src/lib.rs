//! The engine contracts on fjall: durable rows, staging that becomes visible in one step.

"""Workers: each steps the engine of one device, in a thread or in a process of its own."""

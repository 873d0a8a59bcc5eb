"""The sandbox's side: between the contract's shapes, as componentize-py generates them, and the SDK's. Imported only there."""

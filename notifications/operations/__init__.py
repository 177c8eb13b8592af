"""Operations on notifications. Import them from their modules: delivery uses ``suppressions``, pages use ``decide``."""
